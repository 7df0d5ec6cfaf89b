//! Where scripts lie: in the file storage of an account or of a domain, in the folder `apps`.

use crate::domain::access::Caller;
use crate::domain::files;
use crate::model::fault::{Fault, Outcome};
use crate::model::files::{FileName, WriteAt};
use crate::model::ids::AccountId;
use crate::model::limits::Limits;
use crate::model::names::{AccountAddress, DomainName};
use crate::model::time::Timestamp;
use crate::store::{Read, WriteTx, accounts};

const FOLDER: &str = "apps";
const ENDING: &str = ".rhai";
/// The most scripts that are listed.
const MOST_LISTED: usize = 1_000;

/// Whose scripts they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// An account's.
    Account(AccountAddress),
    /// A domain's: all its accounts have them.
    Domain(DomainName),
}

/// The name of a script as people write it, with or without the ending.
pub fn name_of(text: &str) -> Outcome<&str> {
    let name = text.strip_suffix(ENDING).unwrap_or(text);
    let good = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if good { Ok(name) } else { Err(Fault::incorrect("programName")) }
}

fn file(name: &str) -> Outcome<FileName> {
    format!("{FOLDER}/{}{ENDING}", name_of(name)?).parse()
}

/// The source of a script: the account's own, else its domain's.
pub(super) fn find(tx: &dyn Read, owner: &Caller, name: &str) -> Outcome<Option<String>> {
    // What cannot be the name of a file is the name of none.
    let Ok(file) = file(name) else { return Ok(None) };
    let own = files::read(tx, owner.account, &file)?;
    let found = match (own, accounts::domain_files(tx, &owner.address.domain)?) {
        (Some(own), _) => Some(own),
        (None, Some(shared)) => files::read(tx, shared, &file)?,
        (None, None) => None,
    };
    found.map(|bytes| String::from_utf8(bytes).map_err(|_| Fault::bad("the script is not UTF-8 text"))).transpose()
}

fn no_domain() -> Fault {
    Fault::not_found("domain does not exist")
}

fn shelf(tx: &dyn Read, shelf: &Shelf) -> Outcome<Option<AccountId>> {
    match shelf {
        Shelf::Account(address) => accounts::find(tx, address)?.ok_or_else(Fault::no_account).map(Some),
        Shelf::Domain(domain) => {
            accounts::domain(tx, domain)?.ok_or_else(no_domain)?;
            accounts::domain_files(tx, domain)
        }
    }
}

/// Puts a script there, in the place of one of its name.
pub fn put(tx: &WriteTx, of: &Shelf, name: &str, source: &str, limits: &Limits, now: Timestamp) -> Outcome<()> {
    let file = file(name)?;
    let storage = match (shelf(tx, of)?, of) {
        (Some(storage), _) => storage,
        (None, Shelf::Domain(domain)) => accounts::make_domain_files(tx, domain)?,
        (None, Shelf::Account(_)) => return Err(Fault::no_account()),
    };
    files::write(tx, storage, &file, source.as_bytes(), WriteAt::Replace, limits, now).map(drop)
}

/// Takes a script away.
pub fn remove(tx: &WriteTx, of: &Shelf, name: &str) -> Outcome<()> {
    let nothing = || Fault::not_found("application does not exist");
    let (storage, file) = (shelf(tx, of)?.ok_or_else(nothing)?, file(name)?);
    match files::find(tx, storage, &file)? {
        Some(info) if !info.is_directory() => files::remove(tx, storage, &file),
        _ => Err(nothing()),
    }
}

/// The names of the scripts there, with their sizes in bytes.
pub fn list(tx: &dyn Read, of: &Shelf) -> Outcome<Vec<(String, u64)>> {
    let folder: FileName = FOLDER.parse()?;
    let Some(storage) = shelf(tx, of)? else { return Ok(Vec::new()) };
    if files::find(tx, storage, &folder)?.is_none() {
        return Ok(Vec::new());
    }
    let found = files::list(tx, storage, Some(&folder), "", MOST_LISTED)?;
    Ok(found.into_iter().filter_map(|(name, info)| Some((name.strip_suffix(ENDING)?.to_owned(), info.size?))).collect())
}
