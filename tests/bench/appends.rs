//! Durable appends: each message is one request, the next is sent when the last has been acknowledged.

use crate::client::Client;
use crate::mail::{MIXED, Maker};
use crate::server::Server;
use crate::{fresh, percentile, row, size};
use std::io::Write;
use std::time::Instant;

/// What the disk can do: synchronised writes of one page.
pub fn device() {
    let directory = fresh("device");
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    let rates = (0..3).map(|_| {
        let mut file = std::fs::File::create(directory.join("file")).expect("the file can be made");
        let begun = Instant::now();
        for _ in 0..500 {
            file.write_all(&[0; 4096]).expect("the disk has room");
            file.sync_data().expect("the disk answers");
        }
        500.0 / begun.elapsed().as_secs_f64()
    });
    let rates = rates.collect();
    row("synchronised writes of 4 KB by this disk", "per s", rates);
}

/// A message in the EMail form. Attachments travel as base64 data.
fn request(raw: &[u8]) -> String {
    use posthouse::format::mime::{read, structure};
    let root = structure::structure(raw, &structure::Limits::default());
    let mail = read::message(raw, &root, &read::Show { total_size_limit: None });
    let email = posthouse::proto::ximss::form::mail::email(&mail, &posthouse::model::time::Zone::GMT);
    let text = String::from_utf8(posthouse::xml::write::to_bytes(&email)).expect("XML is UTF-8");
    // The reader shows no attachment: its bytes are put back, so that the volume stays what it was.
    let attachment = raw.windows(4).rposition(|w| w == b"\r\n\r\n").map(|at| &raw[at + 4..]).filter(|_| text.contains("octet-stream"));
    let data = attachment.map(|data| String::from_utf8_lossy(data).replace("--=_b--", "").replace("\r\n", "\n"));
    let text = match data {
        Some(data) => {
            let part = format!(
                "<MIME type=\"application\" subtype=\"octet-stream\" type-name=\"data.bin\"><base64>{data}</base64></MIME></MIME></EMail>"
            );
            let cut = text.rfind("<MIME ").expect("the attachment is the last part");
            format!("{}{part}", &text[..cut])
        }
        None => text,
    };
    format!("<messageAppend targetMailbox=\"INBOX\">{text}</messageAppend>")
}

/// One and sixteen clients, each with an account of its own.
pub fn appends() {
    let requests: Vec<String> = Maker::new(1, MIXED).take(size("POSTHOUSE_BENCH_APPENDS", 1_600)).map(|raw| request(&raw)).collect();
    let volume: usize = requests.iter().map(String::len).sum();
    let mut server = Server::new(&fresh("appends"));
    server.start();
    server.add_accounts((0..16).map(|n| format!("u{n}")));
    for clients in [1, 16] {
        let (mut rates, mut p99, mut processor, mut written) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let share = if clients == 1 { requests.len() / 2 } else { requests.len() };
            let (begun_at, begun) = ((server.processor_time(), server.bytes_written()), Instant::now());
            let mut latencies = run(&server, &requests[..share], clients);
            rates.push(share as f64 / begun.elapsed().as_secs_f64());
            processor.push((server.processor_time() - begun_at.0) / share as f64);
            let payload = volume as f64 * share as f64 / requests.len() as f64;
            written.push((server.bytes_written() - begun_at.1) / payload);
            p99.push(percentile(&mut latencies, 0.99));
        }
        let who = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
        row(&format!("durable appends of {} KB, {who}", volume / requests.len() / 1024), "per s", rates);
        row(&format!("the same, {who}, p99"), "ms", p99);
        row(&format!("the same, {who}, server's processor time each"), "ms", processor);
        row(&format!("the same, {who}, bytes written for each byte sent"), "bytes", written);
    }
    server.stop();
}

fn run(server: &Server, requests: &[String], clients: usize) -> Vec<f64> {
    std::thread::scope(|scope| {
        let work = (0..clients).map(|number| {
            scope.spawn(move || {
                let mut client = Client::login(server.ximss, &format!("u{number}@bench.test"));
                let mine = requests.iter().skip(number).step_by(clients);
                mine.map(|request| {
                    let begun = Instant::now();
                    client.ask(request);
                    begun.elapsed().as_secs_f64() * 1e3
                })
                .collect::<Vec<f64>>()
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().flat_map(|thread| thread.join().expect("a client ends well")).collect()
    })
}

/// What reaches the disk for each message delivered, for each change of a flag, and when nobody does anything.
pub fn writes() {
    let count = 300;
    let mut server = Server::new(&fresh("writes"));
    server.start();
    server.add_accounts(["a".to_owned(), "b".to_owned()]);
    let mut sender = Client::login(server.ximss, "a@bench.test");
    let mut reader = Client::login(server.ximss, "b@bench.test");
    server.wait_until_quiet();
    let (before, mut payload) = (server.bytes_written(), 0);
    for raw in Maker::new(3, MIXED).take(count) {
        let append = request(&raw);
        let email = append.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</messageAppend>")).expect("made by us").0;
        payload += raw.len();
        sender.ask(&format!("<messageSubmit><Envelope-To>b@bench.test</Envelope-To>{email}</messageSubmit>"));
    }
    row("bytes written for each byte of a message delivered", "bytes", vec![(server.bytes_written() - before) / payload as f64]);
    reader.ask("<folderOpen folder=\"INBOX\"><field>FLAGS</field></folderOpen>");
    server.wait_until_quiet();
    let before = server.bytes_written();
    for index in 0..count {
        reader.ask(&format!("<messageMark folder=\"INBOX\" flags=\"Flagged\"><index>{index}</index></messageMark>"));
    }
    row("written for each change of a flag", "KB", vec![(server.bytes_written() - before) / count as f64 / 1024.0]);
    // What sessions leave to be written when they end is not the server's idleness.
    drop((sender, reader));
    server.wait_until_quiet();
    let before = server.bytes_written();
    std::thread::sleep(std::time::Duration::from_secs(30));
    row("written in an hour when nobody does anything", "bytes", vec![(server.bytes_written() - before) * 120.0]);
    server.stop();
}
