//! `Queue`: works off what is to be sent elsewhere, in the order it is due. What it must do is on disk, so it goes on
//! after any stop where it was.
//!
//! How mail leaves this server is a port that the app floor plugs in (`SendMail`). Without one, every recipient
//! elsewhere comes back to the sender in a delivery report that says so.

use super::delivery;
use super::house::House;
use crate::format::mime::report::RecipientReport;
use crate::model::fault::Outcome;
use crate::model::ids::QueueId;
use crate::model::time::Timestamp;
use crate::store::queue::{self, QueueRecord};
use crate::store::{Read, blobs};
use std::sync::Arc;
use std::time::Duration;

/// Works the queue off for as long as the server runs. Spawned once by the app floor.
pub async fn run(house: Arc<House>) {
    loop {
        let woken = house.queue_wake.notified();
        let pause = match next(&house).await {
            Ok(Next::Again) => continue,
            Ok(Next::At(due)) => Duration::from_secs((due.0 - Timestamp::now().0).clamp(1, 3600) as u64),
            Ok(Next::Empty) => Duration::from_secs(3600),
            // The store has logged why; trying at once again would only fill the log.
            Err(_) => Duration::from_secs(30),
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

enum Next {
    Again,
    At(Timestamp),
    Empty,
}

async fn next(house: &Arc<House>) -> Outcome<Next> {
    let now = Timestamp::now();
    let due = house.store.read(|tx| queue::first(tx)).await?;
    match due {
        None => Ok(Next::Empty),
        Some((due, ..)) if due > now => Ok(Next::At(due)),
        Some((due, id, record)) => {
            no_transport(house, due, id, record, now).await?;
            Ok(Next::Again)
        }
    }
}

/// Returns a message: there is no way out of this server.
async fn no_transport(house: &Arc<House>, due: Timestamp, id: QueueId, record: QueueRecord, now: Timestamp) -> Outcome<()> {
    tracing::warn!(queue = id.0, recipients = record.recipients.len(), "mail for elsewhere is returned: no mail transport is configured");
    let domain = house.settings().domain.clone();
    house
        .store
        .write(move |tx| {
            let original = original_header(tx, &record)?;
            let failed = |r| {
                RecipientReport::failed(r, "5.3.5", "this server has no mail transport configured, it cannot send mail to other servers")
            };
            let results = record.recipients.iter().map(failed).collect();
            queue::remove(tx, due, id)?;
            delivery::report_to(tx, &domain, record.sender.as_ref(), &original, results, now)
        })
        .await
}

fn original_header(tx: &dyn Read, record: &QueueRecord) -> Outcome<Vec<u8>> {
    blobs::header(tx, record.blob)
}
