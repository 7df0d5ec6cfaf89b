//! The certificate of a server nobody gave one: made in the data directory, kept until it is near its end.
//!
//! The certificate's file says in front of the PEM which names it is for and when it ends, as text that readers of PEM
//! pass over; so it need not be taken apart to know whether it still serves. The key is readable by the server only.

use super::tls::{TlsError, read_files};
use chrono::{Datelike, Days, NaiveDate, Utc};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file of the certificate.
pub(super) const CERTIFICATE: &str = "self-signed-certificate.pem";
/// The file of its key.
pub(super) const KEY: &str = "self-signed-key.pem";
/// Days a certificate holds; some clients refuse more than 825.
const DAYS: u64 = 820;
/// Days before its end at which it is made anew.
const RENEWAL: u64 = 30;

/// The certificate in `directory`; a new one where there is none for these names that holds for a while.
pub(super) fn find_or_make(directory: &Path, names: &[String], provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let names = usable(names);
    let today = Utc::now().date_naive();
    let (certificate, key) = (directory.join(CERTIFICATE), directory.join(KEY));
    if fs::read_to_string(&certificate).is_ok_and(|text| still_serves(&text, &names, today))
        && let Ok(found) = read_files(&certificate, &key, provider)
    {
        return Ok(found);
    }
    let failed = |cause: String| TlsError::NotMade(directory.to_owned(), cause);
    let (certificate_text, key_text) = make(&names, today).map_err(|e| failed(e.to_string()))?;
    replace(&key, &key_text, 0o600).map_err(|e| failed(e.to_string()))?;
    replace(&certificate, &certificate_text, 0o644).map_err(|e| failed(e.to_string()))?;
    tracing::info!(names = names.join(", "), "a self-signed certificate was made");
    read_files(&certificate, &key, provider)
}

/// The names a certificate can carry, without doubles.
fn usable(names: &[String]) -> Vec<String> {
    let mut usable: Vec<String> = Vec::with_capacity(names.len() + 1);
    let fits = |name: &&String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
    for name in names.iter().filter(fits).map(|name| name.to_ascii_lowercase()).chain(["localhost".to_owned()]) {
        if !usable.contains(&name) {
            usable.push(name);
        }
    }
    usable
}

fn note(names: &[String], end: NaiveDate) -> String {
    format!("Made by Posthouse for itself.\nNames: {}\nEnds: {end}\n", names.join(", "))
}

fn still_serves(text: &str, names: &[String], today: NaiveDate) -> bool {
    let end = text.lines().find_map(|line| line.strip_prefix("Ends: ")).and_then(|end| end.parse::<NaiveDate>().ok());
    let Some(end) = end else { return false };
    text.starts_with(&note(names, end)) && today.checked_add_days(Days::new(RENEWAL)).is_some_and(|soon| soon < end)
}

/// A certificate with its note, and its key.
fn make(names: &[String], today: NaiveDate) -> Result<(String, String), rcgen::Error> {
    // A clock that is a day ahead of the client's does no harm.
    let start = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let end = today.checked_add_days(Days::new(DAYS)).unwrap_or(today);
    let date = |day: NaiveDate| date_time_ymd(day.year(), day.month() as u8, day.day() as u8);
    let mut parameters = CertificateParams::new(names.to_vec())?;
    (parameters.not_before, parameters.not_after) = (date(start), date(end));
    parameters.distinguished_name.push(DnType::CommonName, names.first().map_or("localhost", String::as_str));
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok((note(names, end) + certificate.pem().as_str(), key.serialize_pem()))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_kept_until_its_names_change_or_its_end_is_near() {
        let (folder, provider) = (tempfile::tempdir().unwrap(), rustls::crypto::ring::default_provider());
        let made =
            |of: &[&str]| find_or_make(folder.path(), &names(of), &provider).unwrap().end_entity_cert().unwrap().clone().into_owned();
        let first = made(&["Home.Test", "127.0.0.1", "kütte.test"]);
        assert_eq!(first, made(&["home.test", "127.0.0.1"]));
        assert_eq!(fs::metadata(folder.path().join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
        let second = made(&["other.test"]);
        assert_ne!(first, second);
        // A key that does not belong to it, as after a kill between the two files.
        fs::write(folder.path().join(KEY), make(&names(&["x"]), NaiveDate::default()).unwrap().1).unwrap();
        assert_ne!(second, made(&["other.test"]));
    }

    #[test]
    fn the_end_is_read_from_the_note() {
        let (of, day) = (names(&["a.test"]), NaiveDate::from_ymd_opt(2030, 1, 1).unwrap());
        let text = make(&of, day).unwrap().0;
        assert!(still_serves(&text, &of, day) && still_serves(&text, &of, day + Days::new(DAYS - RENEWAL - 1)));
        assert!(!still_serves(&text, &of, day + Days::new(DAYS - RENEWAL)) && !still_serves("", &of, day));
    }
}
