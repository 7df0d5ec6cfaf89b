//! The command line: what the binary can be asked to do. `--help` of each command is enough to use it.

use super::applications::Owner;
use super::config::Sources;
use super::preferences::Scope;
use super::problem::Problem;
use crate::model::fault::Fault;
use crate::model::names::{AccountAddress, DomainName, MailboxName};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

/// Messaging, scheduling and signaling for a household or a small office, in one binary.
#[derive(Debug, Parser)]
#[command(name = "posthouse", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file; without it /etc/posthouse/posthouse.toml if that exists, else built-in defaults
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The data directory; without it data_dir of the configuration, else $STATE_DIRECTORY, else ./posthouse-data
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server in the foreground until SIGTERM or Ctrl-C; SIGHUP re-reads configuration and certificates
    Serve,
    /// Make, list, change and remove accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Make, list and remove domains
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Show the preferences that the server, a domain or an account sets, or change them; NAME= takes a value away
    Preferences {
        /// "server" for all accounts, a domain for its accounts, or the address of an account
        #[arg(value_name = "SCOPE", value_parser = name::<Scope>)]
        scope: Scope,
        /// Preferences and their values, such as TimeZone=Europe/Berlin WorkDays="(Mon,Tue)"
        #[arg(value_name = "NAME=VALUE", value_parser = setting)]
        changes: Vec<(String, String)>,
    },
    /// Put applications for calls and events, scripts in Rhai, into an account or a domain; list, check and remove them
    #[command(subcommand)]
    Apps(AppsCommand),
    /// Take messages in: mbox files, Maildirs, .eml files and folders of them, in name order
    Import(Import),
    /// Write the messages of an account, or of one mailbox, as mbox
    Export(Export),
    /// Print the table of operations that the server knows
    Ops {
        /// As the reference, in Markdown
        #[arg(long)]
        markdown: bool,
    },
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account; without --password-stdin a password is made and printed once
    Add {
        /// Its address, such as alice@example.test
        #[arg(value_parser = name::<AccountAddress>)]
        address: AccountAddress,
        /// The person's name
        #[arg(long, value_name = "NAME")]
        real_name: Option<String>,
        /// Make it an administrator of the server
        #[arg(long)]
        admin: bool,
        /// Read the password from the first line of the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an account with its settings
    Show {
        /// Its address
        #[arg(value_parser = name::<AccountAddress>)]
        address: AccountAddress,
    },
    /// Change settings of an account, such as RealName="Alice" PWDAllowed=NO MaxAccountSize=1G; KEY= sets one back to its default
    Set {
        /// Its address
        #[arg(value_parser = name::<AccountAddress>)]
        address: AccountAddress,
        /// Settings and their values
        #[arg(value_name = "KEY=VALUE", required = true, value_parser = setting)]
        settings: Vec<(String, String)>,
    },
    /// Give an account another password
    Password {
        /// Its address
        #[arg(value_parser = name::<AccountAddress>)]
        address: AccountAddress,
        /// Read the password from the first line of the standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Remove an account with all its mail
    Remove {
        /// Its address
        #[arg(value_parser = name::<AccountAddress>)]
        address: AccountAddress,
    },
}

/// A name; what is wrong with it in the words of its own type, without the number that programs get.
fn name<T: FromStr<Err = Fault>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: Fault| fault.text.into_owned())
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not KEY=VALUE".into()),
    }
}

/// What to do with domains.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Make a domain
    Add {
        /// Its name, such as example.test
        #[arg(value_parser = name::<DomainName>)]
        name: DomainName,
    },
    /// List all domains, the main one first
    List,
    /// Remove a domain that has no accounts
    Remove {
        /// Its name
        #[arg(value_parser = name::<DomainName>)]
        name: DomainName,
    },
}

/// What to do with applications.
#[derive(Debug, Subcommand)]
pub enum AppsCommand {
    /// Check a script and put it there, in the place of one of its name; it is then started as NAME and called as #NAME
    Put {
        /// The address of an account, or a domain for all its accounts
        #[arg(value_name = "ACCOUNT-or-DOMAIN", value_parser = name::<Owner>)]
        owner: Owner,
        /// The script
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Its name there; without it: that of the file, without .rhai
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// List the scripts of an account or a domain
    List {
        /// The address of an account, or a domain
        #[arg(value_name = "ACCOUNT-or-DOMAIN", value_parser = name::<Owner>)]
        owner: Owner,
    },
    /// Take a script away; tasks that run it go on
    Remove {
        /// The address of an account, or a domain
        #[arg(value_name = "ACCOUNT-or-DOMAIN", value_parser = name::<Owner>)]
        owner: Owner,
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say whether a script can be run; if not, in which line it is wrong
    Check {
        /// The script
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What to take in.
#[derive(Debug, Args)]
pub struct Import {
    /// Whose messages they become
    #[arg(long, value_name = "ADDRESS", value_parser = name::<AccountAddress>)]
    pub account: AccountAddress,
    /// The mailbox they go to, made if it is not there; without it: INBOX, the address book for contacts
    #[arg(long, value_name = "NAME", value_parser = name::<MailboxName>)]
    pub mailbox: Option<MailboxName>,
    /// mbox files, Maildirs, .eml and .vcf files, folders of them
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

/// What to write out.
#[derive(Debug, Args)]
pub struct Export {
    /// Whose messages
    #[arg(long, value_name = "ADDRESS", value_parser = name::<AccountAddress>)]
    pub account: AccountAddress,
    /// Only this mailbox; without it all mailboxes with messages
    #[arg(long, value_name = "NAME", value_parser = name::<MailboxName>)]
    pub mailbox: Option<MailboxName>,
    /// The file to write, which must not exist; - for the standard output
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration that holds, and where each value comes from
    Show {
        /// Print the built-in defaults instead, each with its explanation
        #[arg(long)]
        defaults: bool,
    },
    /// Read the configuration and say whether it is good
    Check,
}

impl Cli {
    /// What was said about the configuration, with the environment's part.
    pub fn sources(&self) -> Sources {
        Sources { config: self.config.clone(), data: self.data.clone(), state_directory: None }.with_environment()
    }
}

/// What came of reading the command line.
pub enum Parsed {
    /// A command.
    Command(Box<Cli>),
    /// A text that was asked for: the help or the version.
    Text(String),
}

/// Reads a command line, the binary's name first.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Parsed, Problem> {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(Parsed::Command(Box::new(cli))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Ok(Parsed::Text(error.to_string())),
        Err(error) => Err(problem(&error)),
    }
}

/// One line for a usage error; clap's own text has many.
fn problem(error: &clap::Error) -> Problem {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command given".to_owned(),
        _ => first.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let suggested = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let suggestion = suggested.iter().find_map(|kind| match error.get(*kind)? {
        ContextValue::String(one) => Some(one.clone()),
        // The best of them comes last.
        ContextValue::Strings(some) => some.last().cloned(),
        _ => None,
    });
    match suggestion {
        Some(suggestion) => Problem::usage(what, format_args!("did you mean \"{suggestion}\"?")),
        None => Problem::usage(what, "see \"posthouse --help\" and \"posthouse COMMAND --help\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Result<Cli, String> {
        match parse(std::iter::once("posthouse").chain(line.split_whitespace()).map(Into::into)) {
            Ok(Parsed::Command(cli)) => Ok(*cli),
            Ok(Parsed::Text(text)) => Err(text),
            Err(problem) => {
                assert_eq!(problem.status(), 2);
                Err(problem.to_string())
            }
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_contract_is_read() {
        for line in [
            "serve",
            "--config c.toml --data d serve",
            "serve --config c.toml",
            "account add alice@example.test",
            "account add alice@example.test --real-name Alice --admin --password-stdin",
            "account list",
            "account list --json",
            "account show alice@example.test",
            "account set alice@example.test RealName=A=B PWDAllowed=",
            "account password alice@example.test --password-stdin",
            "account remove alice@example.test",
            "domain add example.test",
            "domain list",
            "domain remove example.test",
            "preferences server",
            "preferences example.test TimeZone=Europe/Berlin WorkDays=(Mon)",
            "preferences alice@example.test Language=",
            "apps put alice@example.test menu.rhai",
            "apps put example.test menu.rhai --name night",
            "apps list example.test",
            "apps remove alice@example.test menu",
            "apps check menu.rhai",
            "import --account alice@example.test a b",
            "import --account alice@example.test --mailbox Corpus/new a",
            "export --account alice@example.test --mailbox Corpus -",
            "ops",
            "ops --markdown",
            "config show",
            "config show --defaults",
            "config check",
        ] {
            assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line).err());
        }
    }

    #[test]
    fn wrong_usage_is_one_line_that_says_what_to_do() {
        for (line, expected) in [
            ("", "no command"),
            ("sreve", "serve"),
            ("imprt", "did you mean \"import\"?"),
            ("account add", "ADDRESS"),
            ("account add alice", "address is incorrect"),
            ("account set a@b.test Real", "KEY=VALUE"),
            ("account set a@b.test", "KEY=VALUE"),
            ("account password a@b.test", "--password-stdin"),
            ("import --account a@b.test", "PATH"),
            ("import --acount a@b.test x", "--account"),
            ("backup out", "backup"),
        ] {
            let text = parsed(line).unwrap_err();
            assert!(text.contains(expected) && !text.contains(['\n', '(']), "{line}: {text}");
        }
    }

    #[test]
    fn help_and_version_are_texts() {
        assert!(parsed("--help").unwrap_err().contains("serve"));
        assert!(parsed("account add --help").unwrap_err().contains("--password-stdin"));
        assert!(parsed("--version").unwrap_err().contains(env!("CARGO_PKG_VERSION")));
    }
}
