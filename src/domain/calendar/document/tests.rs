//! Documents from elsewhere as calendars.

use super::*;
use crate::domain::calendar::find::{Wanted, find_in_document};
use crate::domain::testing::house;
use crate::model::time::Zone;

const TEXT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n\
    BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260305T090000Z\r\nSUMMARY:once\r\nEND:VEVENT\r\n\
    BEGIN:VTODO\r\nUID:t\r\nDUE:20260305T090000Z\r\nEND:VTODO\r\n\
    BEGIN:VEVENT\r\nUID:b\r\nDTSTART:20260302T080000Z\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:weekly\r\nEND:VEVENT\r\n\
    END:VCALENDAR\r\n";

#[test]
fn the_events_of_a_document_are_found_near_and_far() {
    actix::System::new().block_on(async {
        let house = house();
        let document = Arc::new(Document::read(&house, TEXT.into(), Clock::GMT).await.unwrap());
        let ask = async |from: &str, till: &str, kind: ItemKind| {
            let window = Window { from: from.parse().unwrap(), till: till.parse().unwrap(), zone: Zone::GMT, by_alarm: false, kind };
            let (hits, found) = find_in_document(&house, &document, &window, 10, &Wanted::ALL).await.unwrap();
            let named = |hit: &crate::domain::calendar::hits::Hit| hits.rows[hit.row as usize].message.0;
            (hits.hits.iter().map(named).collect::<Vec<u32>>(), found)
        };
        assert_eq!(ask("20260301", "20260308", ItemKind::Event).await, (vec![2, 1], 2));
        assert_eq!(ask("20560301", "20560308", ItemKind::Event).await, (vec![2], 1));
        assert_eq!(ask("20260301", "20260308", ItemKind::Task).await, (vec![], 0));
        let bounds = Bounds::default();
        let item = document.item(Uid(2), bounds).unwrap();
        assert_eq!(item[0].components[0].text("SUMMARY").as_deref(), Some("weekly"));
        assert!(document.item(Uid(0), bounds).is_err() && document.item(Uid(3), bounds).is_err());
        assert_eq!(Document::read(&house, b"<html>".to_vec(), Clock::GMT).await.unwrap_err().number, 500);
    });
}

#[test]
fn a_document_that_is_too_large_is_refused() {
    actix::System::new().block_on(async {
        let event = |n: usize| format!("BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:20260305T090000Z\r\nEND:VEVENT\r\n");
        let text: String = (0..=MOST).map(event).collect();
        let read = Document::read(&house(), format!("BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n").into_bytes(), Clock::GMT).await;
        assert_eq!(read.unwrap_err().number, 512);
    });
}
