//! The command `apps`: the scripts of an account or of a domain, put there, listed and taken away; and checked without
//! a store.
//!
//! A script is checked before it is put, so that what is there can be run.

use super::admin::client::Agent;
use super::admin::{AdminReply, AdminRequest};
use super::cli::AppsCommand;
use super::commands::say;
use super::problem::{Done, Problem};
use crate::domain::house::House;
use crate::domain::scripts::{self, Scripts, Shelf};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{AccountAddress, DomainName};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

/// Whose scripts they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// An account's.
    Account(AccountAddress),
    /// A domain's.
    Domain(DomainName),
}

impl FromStr for Owner {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        if text.contains('@') { text.parse().map(Self::Account) } else { text.parse().map(Self::Domain) }
    }
}

impl From<Owner> for Shelf {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Account(address) => Self::Account(address),
            Owner::Domain(domain) => Self::Domain(domain),
        }
    }
}

/// What is to be done with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A script is put there, in the place of one of its name.
    Put {
        /// Its name.
        name: String,
        /// Its text.
        source: String,
    },
    /// One is taken away.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Makes a change, if there is one, and gives the names that are there then, with their sizes in bytes.
pub async fn execute(house: &House, owner: Owner, change: Option<Change>) -> Outcome<Vec<(String, u64)>> {
    let shelf = Shelf::from(owner);
    if let Some(Change::Put { source, .. }) = &change {
        house.scripts.check(source.clone()).await?;
    }
    if let Some(change) = change {
        let (shelf, limits) = (shelf.clone(), house.settings().limits.clone());
        let made = house.store.write(move |tx| match &change {
            Change::Put { name, source } => scripts::put(tx, &shelf, name, source, &limits, Timestamp::now()),
            Change::Remove { name } => scripts::remove(tx, &shelf, name),
        });
        made.await?;
        crate::domain::sweeper::sweep(&house.store).await?;
    }
    house.store.read(move |tx| scripts::list(tx, &shelf)).await
}

/// The text of a script's file, if it can be run; else the problem says in which line it is wrong.
async fn good_source(file: &Path) -> Done<String> {
    let source = fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Problem::new(format_args!("{} is not UTF-8 text", file.display()), "scripts are text files"),
        _ => Problem::file("read", file, &error),
    })?;
    let scripts = Scripts::start().map_err(|error| Problem::new(error, "check what the system allows the process"))?;
    let wrong = |fault: Fault| Problem::new(format_args!("{}, {}", file.display(), fault.text), "correct it and try again");
    scripts.check(source.clone()).await.map_err(wrong)?;
    Ok(source)
}

/// The name that a script gets: the one that was given, else that of its file.
fn name_for(given: Option<&str>, file: &Path) -> Done<String> {
    let name = given.or_else(|| file.file_name()?.to_str()).unwrap_or_default();
    let wrong = |_| {
        let what = format_args!("\"{name}\" cannot be the name of an application");
        Problem::new(what, "give one of at most 64 letters, digits, \"-\", \"_\" and \".\" with --name")
    };
    scripts::name_of(name).map(str::to_owned).map_err(wrong)
}

/// Checks a file. No store is needed for it.
pub fn check(file: &Path) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Problem::new(error, "check what the system allows the process"))?;
    runtime.block_on(good_source(file))?;
    say(&format!("{} is good\n", file.display()))
}

/// Does what the command asks for.
pub async fn run(command: &AppsCommand, agent: &mut Agent) -> Done {
    match command {
        AppsCommand::Put { owner, file, name } => {
            let name = name_for(name.as_deref(), file)?;
            let change = Some(Change::Put { name, source: good_source(file).await? });
            agent.ask(AdminRequest::Applications { owner: owner.clone(), change }, &mut |_| Ok(())).await
        }
        AppsCommand::Remove { owner, name } => {
            let change = Some(Change::Remove { name: name.clone() });
            agent.ask(AdminRequest::Applications { owner: owner.clone(), change }, &mut |_| Ok(())).await
        }
        AppsCommand::List { owner } => {
            let mut text = String::new();
            let mut take = |reply| {
                if let AdminReply::Applications(all) = reply {
                    all.iter().for_each(|(name, size)| text.push_str(&format!("{name:<32}  {size:>6} B\n")));
                }
                Ok(())
            };
            agent.ask(AdminRequest::Applications { owner: owner.clone(), change: None }, &mut take).await?;
            say(&text)
        }
        AppsCommand::Check { file } => good_source(file).await.map(drop),
    }
}
