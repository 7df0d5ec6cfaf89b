//! What a session asks of the server itself, and what sessions say to each other.

use crate::household::Household;
use crate::link::Outcome;

const QUESTIONS: &[&str] = &[
    "<noop/>",
    "<readTime/>",
    "<readStatus/>",
    "<readSession/>",
    "<listKnownValues/>",
    "<skinList/>",
    "<skinFileList/>",
    r#"<skinFileRead fileName="strings.data"/>"#,
    "<readStrings/>",
    r#"<readStrings language="german"/>"#,
    r#"<readConfigFile name="client"/>"#,
    r#"<setSessionOption name="idleTimeout" value="900"/>"#,
    "<listUploaded/>",
    "<mailboxList/>",
];

/// Asks everything that a client asks when it starts.
pub async fn ask(home: &mut Household, seat: usize) -> Outcome {
    for question in QUESTIONS {
        home.seats[seat].link.ask(question).await?;
    }
    Ok(())
}

/// Says something to another session, asks it something and hears the answer, and says goodbye.
pub async fn talk(home: &mut Household, seat: usize) -> Outcome {
    let other = home.random.below(home.seats.len());
    let (mine, theirs) = (home.seats[seat].client.clone(), home.seats[other].client.clone());
    let (my_address, address) = (home.address(home.seats[seat].account), home.address(home.seats[other].account));
    if other == seat {
        // Nobody to talk to: the session takes no more messages for a moment.
        home.seats[seat].link.ask("<signalUnbind/>").await?;
        return home.seats[seat].link.ask(&format!(r#"<signalBind clientID="{mine}"/>"#)).await.map(drop);
    }
    let (round, words) = (home.round, format!("word {}-{}.", home.number, home.round));
    home.seats[other].awaited.push((words.clone(), round));
    home.seats[seat].link.ask(&format!(r#"<sendIM peer="{address}" clientID="{theirs}">{words}</sendIM>"#)).await?;
    home.seats[seat].link.ask(&format!(r#"<closeIM peer="{address}"/>"#)).await?;
    let question = format!(r#"<query xmlns="urn:example:soak">{words}</query>"#);
    home.seats[other].awaited.push((format!(r#">{words}</query>"#), round));
    let request = format!(r#"<iqSend peer="{address}" clientID="{theirs}" type="get" iqid="q{round}">{question}</iqSend>"#);
    home.seats[seat].link.ask(&request).await?;
    home.seats[seat].awaited.push((format!(r#"<query xmlns="urn:example:soak">answer to {words}"#), round));
    let answer = format!(r#"<query xmlns="urn:example:soak">answer to {words}</query>"#);
    let reply = format!(r#"<iqSend peer="{my_address}" clientID="{mine}" type="result" iqid="q{round}">{answer}</iqSend>"#);
    home.seats[other].link.ask(&reply).await.map(drop)
}
