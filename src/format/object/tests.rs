//! Objects as text, both ways.

use super::*;
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use proptest::prelude::*;

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn line(source: &str) -> Value {
    let (value, rest) = parse_first(source, Layout::Line).unwrap();
    assert_eq!(rest.trim(), "", "{source}");
    value
}

#[test]
fn each_kind_has_its_form() {
    assert_eq!(line("abc123"), text("abc123"));
    assert_eq!(line("123"), text("123"));
    assert_eq!(line("user-1_a@b.c!#%:\u{e4}"), text("user-1_a@b.c!#%:\u{e4}"));
    assert_eq!(line(r#""a \"q\" \\ \r\n\e\t\065\195\164\u'1F600' é""#), text("a \"q\" \\ \r\n\n\tA\u{e4}\u{1f600} é"));
    assert_eq!(line("[aGk=]"), Value::Data(b"hi".to_vec()));
    assert_eq!(line("[aGk=] [aGk=]"), Value::Data(b"hihi".to_vec()));
    assert_eq!(line("#-5"), Value::Number(-5));
    assert_eq!(line("#0x1F"), Value::Number(31));
    assert_eq!(line("#0o17"), Value::Number(15));
    assert_eq!(line("#0b101"), Value::Number(5));
    assert_eq!(line("#-9223372036854775808"), Value::Number(i64::MIN));
    assert_eq!(line("#T20-10-2002_07:45:30"), Value::Time("20021020T074530Z".parse().unwrap()));
    assert_eq!(line("#T20-10-2002"), Value::Time("20021020T000000Z".parse().unwrap()));
    assert_eq!(line("#TPAST"), Value::Time(Timestamp(i64::MIN)));
    assert_eq!(line("#TFUTURE"), Value::Time(Timestamp(i64::MAX)));
    assert_eq!(line("#I[10.0.44.55]:25"), Value::NetAddress("[10.0.44.55]:25".into()));
    assert_eq!(line("#I[2001:db8::1]"), Value::NetAddress("[2001:db8::1]".into()));
    assert_eq!(line("( a , \"b c\",#3)"), Value::Array(vec![text("a"), text("b c"), Value::Number(3)]));
    assert_eq!(line("()"), Value::Array(vec![]));
    assert_eq!(line("{}"), Value::Dictionary(Dictionary::new()));
    let entries = [("k".to_owned(), text("v")), ("odd key".to_owned(), Value::Array(vec![text("1"), text("2")]))];
    assert_eq!(line(r#"{k=v;"odd key"=(1,2);}"#), Value::Dictionary(entries.into()));
    assert_eq!(line("#NULL#"), Value::Null);
    let xml = "<a b='>'><c/><!-- </a> --><![CDATA[</a>]]>t</a>";
    assert_eq!(line(&format!("({xml})")), Value::Array(vec![Value::Xml(xml.into())]));
}

#[test]
fn files_have_comments_and_split_strings() {
    let source = "// settings\n{\r\n a = \"one \" /* and */\n\t\"two\";\n b = [aG\n k=]; // last\n}\n/* end */";
    let entries = [("a".to_owned(), text("one two")), ("b".to_owned(), Value::Data(b"hi".to_vec()))];
    assert_eq!(parse(source).unwrap(), Value::Dictionary(entries.into()));
    let (first, rest) = parse_first(r#""one" "two" {a=b;}"#, Layout::Line).unwrap();
    assert_eq!((first, rest), (text("one"), r#" "two" {a=b;}"#));
}

#[test]
fn what_is_malformed_is_refused() {
    for bad in [
        "",
        " ",
        "\"",
        "\"a",
        "\"a\nb\"",
        r#""\x""#,
        r#""\99""#,
        r#""\256""#,
        r#""\u'd800'""#,
        r#""\u'110000'""#,
        r#""\u'41"#,
        r#""\255""#,
        "[",
        "[a]",
        "[!!!!]",
        "#",
        "#x",
        "#1x",
        "#0x",
        "#--1",
        "#9223372036854775808",
        "#T",
        "#T20-13-2002",
        "#T1-1-2002",
        "#T20-10-2002_24:99:99",
        "#I",
        "#I1.2.3.4",
        "#I[1.2.3]",
        "#I[::1",
        "#I[::1]:",
        "#I[::1]:65536",
        "(",
        "(a",
        "(a,)",
        "(,a)",
        "(a b)",
        "{",
        "{a}",
        "{a=}",
        "{a=b}",
        "{=b;}",
        "{a=b;;}",
        "<",
        "<a>",
        "<a></b>",
        "<a",
        "<a b='>",
        "<!DOCTYPE a>",
        "<?xml?><a/>",
        "#(task:1)",
        "#NULL",
        "a b",
        "a)",
        "/* a",
        "*",
    ] {
        assert!(parse(bad).is_err(), "{bad:?} is {:?}", parse(bad));
    }
    assert!(parse_first("\t a", Layout::Line).is_err());
    assert!(parse_first("(a,\nb)", Layout::Line).is_err());
    assert!(parse_first("(a,/* c */b)", Layout::Line).is_err());
    let fault = parse("{\n a = b;\n c d;\n}").unwrap_err();
    assert!(fault.text.contains("line 3"), "{fault}");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEEPEST)).is_ok());
    assert!(parse(&nested(DEEPEST + 1)).is_err());
    assert!(parse(&"{a=".repeat(100_000)).is_err());
    assert!(parse(&"<a>".repeat(100_000)).is_err());
}

#[test]
fn dictionaries_are_written_an_entry_a_line() {
    let inner = Value::Dictionary([("c".to_owned(), text("d e")), ("x".to_owned(), Value::Dictionary(Dictionary::new()))].into());
    let value = Value::Dictionary([("a".to_owned(), text("b")), ("b".to_owned(), inner)].into());
    assert_eq!(to_lines(&value), "{\n a = b;\n b = {\n  c = \"d e\";\n  x = {};\n };\n}\n");
    assert_eq!(to_line(&value), "{a=b;b={c=\"d e\";x={};};}");
    assert_eq!(to_line(&text("")), "\"\"");
    assert_eq!(to_line(&text("a\u{1}\u{85}")), "\"a\\001\\u'85'\"");
    assert_eq!(to_line(&Value::NetAddress("10.0.0.1".into())), "#I[10.0.0.1]");
    assert_eq!(to_line(&Value::NetAddress("10.0.0.1:25".into())), "#I[10.0.0.1]:25");
    assert_eq!(to_line(&Value::NetAddress("nonsense here".into())), "\"nonsense here\"");
    assert_eq!(to_line(&Value::Xml("no xml".into())), "\"no xml\"");
    assert_eq!(to_line(&Value::Time(Timestamp(i64::MAX))), "#TFUTURE");
}

fn value() -> impl Strategy<Value = Value> {
    let address = prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|ip| format!("[{ip}]")),
        (any::<std::net::Ipv6Addr>(), any::<u16>()).prop_map(|(ip, port)| format!("[{ip}]:{port}")),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
        "[ -~\u{e4}\n\r\t]{0,12}".prop_map(Value::String),
        proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Data),
        (-62_135_596_800i64..253_402_300_800).prop_map(|s| Value::Time(Timestamp(s))),
        Just(Value::Time(Timestamp(i64::MIN))),
        address.prop_map(Value::NetAddress),
        "<a b=\"[ a-z>]{0,4}\">[a-z \n]{0,6}</a>".prop_map(Value::Xml),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::Dictionary),
        ]
    })
}

proptest! {
    #[test]
    fn objects_come_back(value in value()) {
        prop_assert_eq!(&parse(&to_lines(&value)).unwrap(), &value);
        prop_assert_eq!(&parse(&to_line(&value)).unwrap(), &value);
        let line = to_line(&value);
        let (back, rest) = parse_first(&line, Layout::Line).unwrap();
        prop_assert_eq!((&back, rest), (&value, ""));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\PC\n\r\t\"\\\\(){}\\[\\]=;,#<>/']{0,40}") {
        for value in [parse(&text), parse_first(&text, Layout::Line).map(|(value, _)| value)].into_iter().flatten() {
            prop_assert_eq!(parse(&to_lines(&value)).unwrap(), value);
        }
    }
}
