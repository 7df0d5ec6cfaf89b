//! Layers of preferences, and what may be stored.

use super::*;
use crate::domain::testing::new_account;
use crate::store::{Store, WriteTx};

fn changes(all: &[(&str, Value)]) -> Vec<(PreferenceName, Value)> {
    all.iter().map(|(name, value)| (name.parse().unwrap(), value.clone())).collect()
}

#[test]
fn an_account_stands_over_its_domain_and_this_over_the_server() {
    actix::System::new().block_on(async {
        let store_of = Store::in_memory();
        let alice = new_account(&store_of, "alice@example.test").await;
        let name = |layer| {
            let (alice, store_of) = (alice.clone(), store_of.clone());
            async move {
                let values = store_of.read(move |tx| read(tx, &alice, layer)).await.unwrap();
                values.get("TrashBox").and_then(Value::as_str).map(str::to_owned)
            }
        };
        let set = |job: fn(&WriteTx, &Caller, &str) -> Outcome<()>, value: &'static str| {
            let alice = alice.clone();
            store_of.write(move |tx| job(tx, &alice, value))
        };
        let server = |tx: &WriteTx, _: &Caller, value: &str| set_server(tx, &changes(&[("TrashBox", value.into())]));
        let domain = |tx: &WriteTx, of: &Caller, value: &str| set_domain(tx, &of.address.domain, &changes(&[("TrashBox", value.into())]));
        let own = |tx: &WriteTx, of: &Caller, value: &str| store(tx, of, &changes(&[("TrashBox", value.into())]));
        assert_eq!(name(Layer::Effective).await.unwrap(), "Trash");
        set(server, "Server").await.unwrap();
        assert_eq!(name(Layer::Effective).await.unwrap(), "Server");
        set(domain, "Domain").await.unwrap();
        set(own, "Own").await.unwrap();
        assert_eq!(name(Layer::Effective).await.unwrap(), "Own");
        assert_eq!((name(Layer::Default).await.unwrap(), name(Layer::Custom).await.unwrap()), ("Domain".into(), "Own".into()));
        set(own, "default").await.unwrap();
        assert_eq!((name(Layer::Effective).await.unwrap(), name(Layer::Custom).await), ("Domain".into(), None));
        set(domain, "default").await.unwrap();
        assert_eq!(name(Layer::Effective).await.unwrap(), "Server");
        let nowhere = store_of.write(|tx| set_domain(tx, &"other.test".parse()?, &[]));
        assert_eq!(nowhere.await.unwrap_err().number, 510);
    });
}

#[test]
fn limits_hold_at_the_last_value() {
    actix::System::new().block_on(async {
        let house = Store::in_memory();
        let alice = new_account(&house, "alice@example.test").await;
        let put = |all: Vec<(PreferenceName, Value)>| {
            let alice = alice.clone();
            house.write(move |tx| store(tx, &alice, &all))
        };
        let text = |bytes: usize| changes(&[("Signature", Value::String("x".repeat(bytes)))]);
        put(text(32 << 10)).await.unwrap();
        assert_eq!(put(text((32 << 10) + 1)).await.unwrap_err().number, 512);
        let many =
            |from: usize, till: usize| (from..till).map(|n| (format!("X-{n}").parse().unwrap(), Value::Number(1))).collect::<Vec<_>>();
        put(many(0, 199)).await.unwrap();
        assert_eq!(put(many(199, 200)).await.unwrap_err().text, "too many preferences");
        put(changes(&[("X-0", Value::Null), ("New", "1".into())])).await.unwrap();
        for bad in ["", "a b", "1a", "-a", "\u{e4}", "a.b", &"x".repeat(65)] {
            assert!(bad.parse::<PreferenceName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(64).parse::<PreferenceName>().is_ok());
    });
}

#[test]
fn nothing_is_told_where_nothing_changed() {
    actix::System::new().block_on(async {
        let house = Store::in_memory();
        let alice = new_account(&house, "alice@example.test").await;
        let state = |alice: Caller| house.read(move |tx| Ok(accounts::state(tx, alice.account)?.modseq));
        let put = |value: Value| {
            let alice = alice.clone();
            house.write(move |tx| store(tx, &alice, &changes(&[("Fields", value.clone())])))
        };
        put("".into()).await.unwrap();
        let before = state(alice.clone()).await.unwrap();
        let own = alice.clone();
        let values = house.read(move |tx| read(tx, &own, Layer::Custom)).await.unwrap();
        assert_eq!(values.get("Fields"), Some(&Value::Array(Vec::new())), "an empty array, as the name is known to have arrays");
        put(Value::Array(Vec::new())).await.unwrap();
        assert_eq!(state(alice.clone()).await.unwrap(), before);
        put("default".into()).await.unwrap();
        assert!(state(alice.clone()).await.unwrap() > before);
    });
}
