//! What any build of the program must do, on any processor: an account, a login in clear text and over TLS, a message
//! in, and the message out again after a restart. `POSTHOUSE_BINARY` and `POSTHOUSE_RUNNER` choose what is run; without
//! them it is the build under test.

#![allow(missing_docs)]

mod support;

use support::server::Setup;
use support::ximss::Client;

#[test]
fn a_message_outlives_a_restart() {
    let mut server = Setup::default().account("user1@example.dom", "secret").start();
    let mut client = Client::login(server.ximss(), "user1@example.dom", "secret");
    let email = r#"<EMail><Subject>Grüße</Subject><MIME type="text" subtype="plain">all of it</MIME></EMail>"#;
    client.ask(&format!(r#"<messageAppend targetMailbox="Kept" mailboxClass="">{email}</messageAppend>"#)).ok();
    drop(client);
    server.stop();
    server.start();
    let mut client = Client::connect_tls(server.ximss_tls());
    client.log_in("user1@example.dom", "secret").ok();
    client.ask(r#"<folderOpen folder="Kept"><field>Subject</field></folderOpen>"#).ok();
    let read = client.ask(r#"<folderRead folder="Kept" UID="1"/>"#).ok();
    let email = read.iter().find_map(|message| message.first("EMail")).expect("the message is sent");
    assert_eq!(email.first("Subject").expect("it has a subject").body(), "Grüße");
    assert_eq!(email.first("MIME").expect("it has a body").body(), "all of it");
}
