//! Calendars from documents elsewhere: fetched, kept and fetched again.

use crate::domain::house::House;
use crate::domain::ports::FetchDocument;
use crate::domain::remote_documents::{Document, Request, Validators};
use crate::domain::testing::{house, new_account};
use crate::model::fault::{Fault, Outcome};
use crate::proto::ximss::testing::{Client, text};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TEXT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n\
    BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260305T090000Z\r\nDTEND:20260305T100000Z\r\nSUMMARY:once\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:b\r\nDTSTART:20260302T080000Z\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:weekly\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

/// One document, and how often it was fetched.
#[derive(Default)]
struct Elsewhere(AtomicUsize);

impl FetchDocument for Elsewhere {
    fn fetch(&self, request: Request) -> BoxFuture<'static, Outcome<Document>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let answer = match request.url.bare().path() {
            "/calendar.ics" => Ok(Document::Fetched { bytes: TEXT.into(), content_type: None, validators: Validators::default() }),
            "/broken.ics" => {
                let text = TEXT.replace("BEGIN:VEVENT\r\nUID:b", "BEGIN:VEVENT\r\nBEGIN: ,\r\nUID:b");
                Ok(Document::Fetched { bytes: text.into(), content_type: None, validators: Validators::default() })
            }
            "/page.html" => Ok(Document::Fetched { bytes: b"<html/>".to_vec(), content_type: None, validators: Validators::default() }),
            _ => Err(Fault::remote("404 Not Found")),
        };
        std::future::ready(answer).boxed()
    }
}

async fn client(house: &Arc<House>) -> (Client, Arc<Elsewhere>) {
    let elsewhere = Arc::new(Elsewhere::default());
    house.documents.plug(elsewhere.clone());
    let caller = new_account(&house.store, "alice@example.test").await;
    (Client::logged_in(house, &caller).await, elsewhere)
}

#[test]
fn a_document_from_elsewhere_is_a_calendar() {
    actix::System::new().block_on(async {
        let house = house();
        let (client, elsewhere) = client(&house).await;
        client.data(r#"<calendarOpen id="1" calendar="r" url="https://example.com/calendar.ics"/>"#).await;
        let found = client.data(r#"<findEvents id="2" calendar="r" timeFrom="20260301T000000Z" timeTill="20260307T235959Z"/>"#).await;
        assert!(found.iter().all(|day| day.get("items") == Some("2")), "{found:?}");
        let summaries: Vec<String> = found.iter().flat_map(|day| day.elements()).map(text).collect();
        assert!(summaries.len() == 2 && summaries[0].contains("weekly") && summaries[1].contains("once"), "{summaries:?}");
        let item = client.data(r#"<calendarReadItem id="3" calendar="r" UID="1"/>"#).await;
        assert!(text(&item[0]).contains("<summary>once</summary>"));
        // It was fetched when it was opened, and is not yet due again.
        assert_eq!(elsewhere.0.load(Ordering::Relaxed), 1);
        client.data(r#"<calendarClose id="4" calendar="r"/>"#).await;
        client.data(r#"<calendarOpen id="5" calendar="r" url="https://example.com/calendar.ics"/>"#).await;
        assert_eq!(elsewhere.0.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_cannot_be_had_is_refused() {
    actix::System::new().block_on(async {
        let house = house();
        let (client, _) = client(&house).await;
        client.data(r#"<calendarOpen id="1" calendar="r" url="https://example.com/calendar.ics"/>"#).await;
        for (request, fault) in [
            (r#"<calendarRead id="2" calendar="r" UID="1"/>"#, r#"errorText="the calendar is a document from elsewhere" errorNum="500""#),
            (r#"<calendarReadItem id="2" calendar="r" UID="3"/>"#, r#"errorText="message does not exist" errorNum="510""#),
            (
                r#"<calendarOpen id="2" calendar="r" url="https://example.com/x"/>"#,
                r#"errorText="calendar with this name is already open" errorNum="501""#,
            ),
            (
                r#"<calendarOpen id="2" calendar="s" url="ftp://example.com/x"/>"#,
                r#"errorText="attribute value is incorrect: url" errorNum="500""#,
            ),
            (
                r#"<calendarOpen id="2" calendar="s" url="https://example.com/x"/>"#,
                r#"errorText="remote server: 404 Not Found" errorNum="520""#,
            ),
            (
                r#"<calendarOpen id="2" calendar="s" url="https://example.com/page.html"/>"#,
                r#"errorText="calendar item is incorrect: there is no component" errorNum="500""#,
            ),
        ] {
            let response = client.response(request).await;
            assert!(response.contains(fault), "{request}: {response}");
        }
    });
}

#[test]
fn what_cannot_be_read_of_a_document_is_listed() {
    actix::System::new().block_on(async {
        let house = house();
        let (client, _) = client(&house).await;
        client.data(r#"<calendarOpen id="1" calendar="r" url="https://example.com/broken.ics"/>"#).await;
        let now = crate::model::time::Timestamp::now();
        let (from, till) = (now.plus(-86_400).gmt(), now.plus(86_400).gmt());
        let found = client.data(&format!(r#"<findEvents id="2" calendar="r" timeFrom="{from}" timeTill="{till}"/>"#)).await;
        let events: Vec<_> = found.iter().flat_map(|day| day.elements()).collect();
        assert_eq!(events.iter().map(|event| (event.get("UID"), event.get("unreadable"))).collect::<Vec<_>>(), [(Some("2"), Some("yes"))]);
        assert!(text(events[0]).contains("Unreadable calendar item"));
        assert!(client.response(r#"<calendarReadItem id="3" calendar="r" UID="2"/>"#).await.contains("calendar item is incorrect"));
        client.data(r#"<calendarReadItem id="4" calendar="r" UID="1"/>"#).await;
    });
}
