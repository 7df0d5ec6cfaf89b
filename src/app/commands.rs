//! Every command but `serve`: asks whoever holds the store, and prints what comes of it.

use super::admin::client::Agent;
use super::admin::{AccountInfo, AdminReply, AdminRequest, Secret};
use super::backend::Backend;
use super::cli::{AccountCommand, AppsCommand, Cli, Command, ConfigCommand, DomainCommand};
use super::config::{self, Config, Loaded};
use super::premises::{DataLock, Locked, Premises, make_directory};
use super::problem::{Done, Problem};
use super::{applications, export, import, ops, password, preferences, serve};
use crate::domain::auth::generate_password;
use serde_json::json;
use std::io::{self, Write};
use std::time::Duration;

/// How long a command waits for another one that holds the store.
const WAIT: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the command of a command line.
pub fn run(cli: &Cli) -> Done {
    match &cli.command {
        Command::Ops { markdown } => return say(&if *markdown { ops::markdown() } else { ops::list() }),
        Command::Config(ConfigCommand::Show { defaults: true }) => return say(&config::show::defaults()),
        Command::Apps(AppsCommand::Check { file }) => return applications::check(file),
        _ => {}
    }
    let sources = cli.sources();
    let loaded = config::load(&sources)?;
    match &cli.command {
        Command::Serve => serve::run(&sources, &loaded),
        Command::Config(ConfigCommand::Show { .. }) => say(&config::show::effective(&loaded)),
        Command::Config(ConfigCommand::Check) => check(&loaded),
        Command::Account(command) => with_office(&loaded.config, "account", async |office| account(command, office).await),
        Command::Domain(command) => with_office(&loaded.config, "domain", async |office| domain(command, office).await),
        Command::Preferences { scope, changes } => {
            with_office(&loaded.config, "preferences", async |office| preferences::run(scope, changes, office).await)
        }
        Command::Apps(command) => with_office(&loaded.config, "apps", async |office| applications::run(command, office).await),
        Command::Import(what) => with_office(&loaded.config, "import", async |office| import::run(what, &loaded.config, office).await),
        Command::Export(what) => with_office(&loaded.config, "export", async |office| export::run(what, office).await),
        // Answered above.
        Command::Ops { .. } => Ok(()),
    }
}

/// Prints to the standard output. Whoever closed it has seen enough.
pub fn say(text: &str) -> Done {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::new(format_args!("cannot print: {e}"), "check where the output goes"))
        }
        _ => Ok(()),
    }
}

fn check(loaded: &Loaded) -> Done {
    loaded.warnings.iter().for_each(|warning| eprintln!("posthouse: warning: {warning}"));
    match &loaded.file {
        Some(file) => say(&format!("{} is good\n", file.display())),
        None => say("no configuration file: the built-in defaults hold, see \"posthouse config show\"\n"),
    }
}

/// Has someone who holds the store at hand while `act` runs: the server if one runs, else this process.
fn with_office(config: &Config, who: &str, act: impl AsyncFnOnce(&mut Agent) -> Done) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Problem::new(e, "check what the system allows the process"))?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        make_directory(&config.data_dir)?;
        let opening = tokio::time::timeout(WAIT, open(config, who));
        let busy = || {
            Problem::new(
                format_args!("the data directory {} is in use", config.data_dir.display()),
                "wait for the other command, or stop it",
            )
        };
        match opening.await.map_err(|_| busy())?? {
            Office::Server(mut agent) => act(&mut agent).await,
            Office::Own(premises) => {
                let done = act(&mut Agent::Own(Box::new(Backend::new(premises.house.clone())))).await;
                premises.leave().await;
                done
            }
        }
    })
}

enum Office {
    Server(Agent),
    Own(Premises),
}

async fn open(config: &Config, who: &str) -> Done<Office> {
    loop {
        if let Some(agent) = Agent::server(&config.data_dir).await? {
            return Ok(Office::Server(agent));
        }
        match DataLock::take(&config.data_dir, who)? {
            Locked::Ours(lock) => return Premises::enter(config, lock).await.map(Office::Own),
            // Another command, or a server that starts or stops.
            Locked::Theirs(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

async fn account(command: &AccountCommand, agent: &mut Agent) -> Done {
    match command {
        AccountCommand::Add { address, real_name, admin, password_stdin } => {
            let secret = if *password_stdin { password::read(io::stdin())? } else { generate_password()? };
            let request = AdminRequest::AccountAdd {
                address: address.clone(),
                real_name: real_name.clone(),
                admin: *admin,
                password: Secret::new(secret.to_string()),
            };
            agent.ask(request, &mut nothing).await?;
            if *password_stdin { Ok(()) } else { say(&format!("{}\n", *secret)) }
        }
        AccountCommand::List { json } => list(agent, *json).await,
        AccountCommand::Show { address } => {
            let mut text = String::new();
            let request = AdminRequest::AccountShow { address: address.clone() };
            agent.ask(request, &mut |reply| collect(reply, &mut |info| text.push_str(&shown(&info)))).await?;
            say(&text)
        }
        AccountCommand::Set { address, settings } => {
            agent.ask(AdminRequest::AccountSet { address: address.clone(), settings: settings.clone() }, &mut nothing).await
        }
        AccountCommand::Password { address, .. } => {
            let password = Secret::new(password::read(io::stdin())?.to_string());
            agent.ask(AdminRequest::AccountPassword { address: address.clone(), password }, &mut nothing).await
        }
        AccountCommand::Remove { address } => agent.ask(AdminRequest::AccountRemove { address: address.clone() }, &mut nothing).await,
    }
}

async fn list(agent: &mut Agent, as_json: bool) -> Done {
    let mut all = Vec::new();
    agent.ask(AdminRequest::AccountList, &mut |reply| collect(reply, &mut |info| all.push(info))).await?;
    if as_json {
        let all: Vec<_> = all
            .iter()
            .map(|info| {
                let settings: serde_json::Map<_, _> = info.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                json!({
                    "address": info.address.to_string(), "real_name": info.real_name, "admin": info.admin,
                    "messages": info.messages, "bytes": info.bytes, "settings": settings,
                })
            })
            .collect();
        return say(&format!("{:#}\n", serde_json::Value::Array(all)));
    }
    let width = all.iter().map(|info| info.address.to_string().len()).max().unwrap_or(0);
    let line = |info: &AccountInfo| {
        let (admin, name) = (if info.admin { "admin" } else { "" }, info.real_name.as_deref().unwrap_or(""));
        let line =
            format!("{:<width$}  {:<5}  {:>8} messages  {:>10}  {name}", info.address.to_string(), admin, info.messages, bytes(info.bytes));
        format!("{}\n", line.trim_end())
    };
    say(&all.iter().map(line).collect::<String>())
}

fn shown(info: &AccountInfo) -> String {
    let mut rows = vec![
        ("address".to_owned(), info.address.to_string()),
        ("administrator".to_owned(), if info.admin { "yes" } else { "no" }.to_owned()),
        ("messages".to_owned(), info.messages.to_string()),
        ("size".to_owned(), bytes(info.bytes)),
        ("login methods".to_owned(), if info.methods.is_empty() { "none".to_owned() } else { info.methods.join(", ") }),
    ];
    rows.extend(info.settings.iter().cloned());
    rows.iter().map(|(name, value)| format!("{name:<20} {value}\n")).collect()
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", count / unit, count % unit * 10 / unit),
        None => format!("{count} B"),
    }
}

async fn domain(command: &DomainCommand, agent: &mut Agent) -> Done {
    match command {
        DomainCommand::Add { name } => agent.ask(AdminRequest::DomainAdd { domain: name.clone() }, &mut nothing).await,
        DomainCommand::Remove { name } => agent.ask(AdminRequest::DomainRemove { domain: name.clone() }, &mut nothing).await,
        DomainCommand::List => {
            let mut text = String::new();
            let mut take = |reply| {
                let AdminReply::Domain { name, main, accounts } = reply else { return nothing(reply) };
                text.push_str(&format!("{name}  {accounts} accounts{}\n", if main { "  (main)" } else { "" }));
                Ok(())
            };
            agent.ask(AdminRequest::DomainList, &mut take).await?;
            say(&text)
        }
    }
}

fn collect(reply: AdminReply, take: &mut dyn FnMut(AccountInfo)) -> Done {
    match reply {
        AdminReply::Account(info) => {
            take(info);
            Ok(())
        }
        other => nothing(other),
    }
}

/// No reply is expected.
fn nothing(_: AdminReply) -> Done {
    Err(Problem::new("the server gave an unexpected reply", "restart it, so that it is of this version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert_eq!(
            (bytes(0), bytes(1023), bytes(1536), bytes(5 << 30)),
            ("0 B".into(), "1023 B".into(), "1.5 KiB".into(), "5.0 GiB".into())
        );
    }
}
