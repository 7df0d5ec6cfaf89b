//! Stored bytes: a version byte, then postcard. A reader that meets a newer version says so instead of guessing.

use super::engine::Read;
use super::keys::Key;
use super::tables::Table;
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version this binary writes. A record type whose shape changes gets a migration (`migrate`), not a second reader.
const VERSION: u8 = 1;

/// The bytes of a record.
pub fn encode<T: Serialize>(record: &T) -> Outcome<Vec<u8>> {
    postcard::to_extend(record, vec![VERSION]).map_err(|e| Fault::logged("a record cannot be encoded", e))
}

/// The record of bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Outcome<T> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|e| Fault::logged("a stored record is damaged", e)),
        Some((version, _)) => Err(Fault::logged("a stored record has a version unknown to this binary", version)),
        None => Err(Fault::logged("a stored record is empty", "")),
    }
}

/// Reads the record of a key.
pub fn get<T: DeserializeOwned>(tx: &dyn Read, table: Table, key: &Key) -> Outcome<Option<T>> {
    tx.get(table, key.bytes())?.map(|bytes| decode(&bytes)).transpose()
}

/// Stores a record under a key.
pub fn put<T: Serialize>(tx: &WriteTx, table: Table, key: &Key, record: &T) -> Outcome<()> {
    tx.put(table, key.bytes(), &encode(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rights::{Acl, AclPattern, Rights};

    #[test]
    fn a_list_of_rights_is_stored_as_patterns_and_numbers() {
        let pattern = || "bob".parse::<AclPattern>().unwrap();
        let list: Acl = Acl(vec![(pattern(), Rights::LOOKUP.with(Rights::ADMINISTER))]);
        // The kind of the rights is in the type alone: what older builds have stored is read as it was.
        assert_eq!(encode(&list).unwrap(), encode(&vec![(pattern(), 0b1_0000_0001_u16)]).unwrap());
        assert_eq!(decode::<Acl>(&encode(&list).unwrap()).unwrap(), list);
    }
}
