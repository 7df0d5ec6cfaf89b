//! Tom and Pia, who have sessions only as long as they have to do with each other: calls, messages, contacts, presence,
//! applications. Whatever one of them does, the other must hear of at once.

use crate::household::{Household, PASSWORD, callers};
use crate::link::{Kind, Link, Outcome};
use posthouse::xml::Element;

/// A session of one of them.
pub struct Caller {
    /// Its connection.
    pub link: Link,
    /// The account.
    pub address: String,
    /// The session's ID.
    pub session: String,
}

impl Caller {
    /// Logs one of them in.
    pub async fn comes(home: &mut Household, who: usize) -> Outcome<Self> {
        let kind = [Kind::Clear, Kind::Tls, Kind::WebSocket][home.random.below(3)];
        let address = callers(home.number).into_iter().nth(who).unwrap_or_default();
        let mut link = home.visitor(kind).await?;
        let session = link.log_in(&address, PASSWORD).await?;
        Ok(Self { link, address, session })
    }

    /// The same, and takes signals.
    async fn bound(home: &mut Household, who: usize) -> Outcome<Self> {
        let mut caller = Self::comes(home, who).await?;
        caller.link.ask(r#"<signalBind clientID="here" presence="yes"/>"#).await?;
        Ok(caller)
    }

    /// Asks, all of it in order.
    pub async fn ask(&mut self, requests: &[String]) -> Outcome<Vec<Element>> {
        let mut data = Vec::new();
        for request in requests {
            data = self.link.ask(request).await?;
        }
        Ok(data)
    }

    /// Goes.
    pub async fn goes(mut self) -> Outcome {
        self.link.ask("<bye/>").await.map(drop)
    }
}

fn sdp(subject: &str) -> String {
    format!(r#"<sdp origUser="-" sessionID="1" sessionVersion="0" origIP="[127.0.0.1]" subject="{subject}"/>"#)
}

/// Tom calls Pia: they talk, and he hangs up; she declines; she sends him elsewhere; the server calls her for him; he is gone
/// in the middle of a call.
pub async fn call(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut pia) = (Caller::bound(home, 0).await?, Caller::bound(home, 1).await?);
    talk(&mut tom, &mut pia).await?;
    for (leg, answer) in [("c2", "<callReject callLeg=\"LEG\"/>"), ("c3", "<callRedirect callLeg=\"LEG\"><To>nobody</To></callRedirect>")] {
        let rings = rings(&mut tom, &mut pia, leg).await?;
        pia.link.ask(&answer.replace("LEG", &rings)).await?;
        tom.link.expect("callDisconnected", leg).await?;
        tom.link.ask(&format!(r#"<callKill callLeg="{leg}"/>"#)).await?;
        pia.link.ask(&format!(r#"<callKill callLeg="{rings}"/>"#)).await?;
    }
    tom.link.ask(&format!(r#"<makeCall peer="{}"/>"#, pia.address)).await?;
    let own = tom.link.expect("callIncoming", "").await?;
    let own = own.get("callLeg").unwrap_or_default().to_owned();
    tom.link.ask(&format!(r#"<callReject callLeg="{own}"/>"#)).await?;
    tom.link.expect("makeCallReport", "<makeCallReport/>").await?;
    let rings = rings(&mut tom, &mut pia, "c4").await?;
    tom.goes().await?;
    pia.link.expect("callDisconnected", &rings).await?;
    pia.goes().await
}

/// Tom calls; gives Pia's name of the call.
async fn rings(tom: &mut Caller, pia: &mut Caller, leg: &str) -> Outcome<String> {
    tom.link.ask(&format!(r#"<callStart callLeg="{leg}" peer="{}">{}</callStart>"#, pia.address, sdp(leg))).await?;
    let incoming = pia.link.expect("callIncoming", leg).await?;
    incoming.get("callLeg").map(str::to_owned).ok_or_else(|| format!("a call without a name: {incoming:?}"))
}

async fn talk(tom: &mut Caller, pia: &mut Caller) -> Outcome {
    let leg = rings(tom, pia, "c1").await?;
    let named = |request: &str| request.replace("LEG", &leg);
    pia.link.ask(&named(r#"<callProvision callLeg="LEG"/>"#)).await?;
    tom.link.expect("callProvisioned", "c1").await?;
    pia.link.ask(&named(&format!(r#"<callAccept callLeg="LEG">{}</callAccept>"#, sdp("answer")))).await?;
    tom.link.expect("callConnected", "answer").await?;
    tom.link.ask(r#"<callUpdateAccept callLeg="c1"/>"#).await?;
    for (offer, reply, seen) in [
        ("hold", format!(r#"<callUpdateAccept callLeg="LEG">{}</callUpdateAccept>"#, sdp("held")), "held"),
        ("more", r#"<callUpdateReject callLeg="LEG"/>"#.to_owned(), "signalCode"),
    ] {
        tom.link.ask(&format!(r#"<callUpdate callLeg="c1">{}</callUpdate>"#, sdp(offer))).await?;
        pia.link.expect("callUpdateRequest", offer).await?;
        pia.link.ask(&named(&reply)).await?;
        tom.link.expect("callUpdated", seen).await?;
    }
    tom.link.ask(r#"<callSendDTMF callLeg="c1">5</callSendDTMF>"#).await?;
    pia.link.expect("callDTMF", ">5<").await?;
    tom.link.expect("callOpCompleted", "c1").await?;
    pia.link.ask(&named(r#"<callSendInfo callLeg="LEG"><MIME type="application" subtype="x-soak">words</MIME></callSendInfo>"#)).await?;
    tom.link.expect("callInfo", "words").await?;
    pia.link.expect("callOpCompleted", &leg).await?;
    // She would give him to somebody else, and he makes no offer for that.
    pia.link.ask(&named(r#"<callTransfer callLeg="LEG" peer="nobody"/>"#)).await?;
    tom.link.expect("callUpdateSolicited", "c1").await?;
    tom.link.ask(r#"<callUpdateReject callLeg="c1"/>"#).await?;
    pia.link.expect("callOpFailed", &leg).await?;
    tom.link.ask(r#"<callKill callLeg="c1"/>"#).await?;
    pia.link.expect("callDisconnected", &leg).await?;
    pia.link.ask(&named(r#"<callKill callLeg="LEG"/>"#)).await.map(drop)
}

/// They become contacts, see what the other does, write to each other, also to one who is away, and part.
pub async fn meet(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut pia) = (Caller::bound(home, 0).await?, Caller::bound(home, 1).await?);
    let words = format!("words {}-{}.", home.number, home.round);
    tom.link
        .ask(&format!(r#"<rosterSet peer="{}" subscription="subBoth" name="Pia"><group>Friends</group></rosterSet>"#, pia.address))
        .await?;
    pia.link.expect("presence", r#"type="subscribe""#).await?;
    pia.link.ask(&format!(r#"<rosterSet peer="{}" subscription="subBoth"/>"#, tom.address)).await?;
    tom.link.expect("rosterItem", r#"subscription="both""#).await?;
    tom.link.ask(&format!("<presenceSet><presence>in-meeting</presence><status>{words}</status></presenceSet>")).await?;
    pia.link.expect("presence", &words).await?;
    let groups = [("add", "Chess", ""), ("rename", "Chess", r#" newName="Go""#), ("delete", "Go", "")];
    let groups = groups.map(|(mode, group, more)| format!(r#"<rosterGroupSet group="{group}" mode="{mode}"{more}/>"#));
    tom.ask(&groups).await?;
    let listed = tom.link.ask("<rosterList/>").await?;
    if !listed.iter().any(|item| item.get("peer") == Some(&pia.address) && item.get("name") == Some("Pia")) {
        return Err(format!("rosterList: {listed:?}"));
    }
    tom.link.ask(&format!(r#"<sendIM peer="{}">first {words}</sendIM>"#, pia.address)).await?;
    pia.link.expect("readIM", &format!("first {words}")).await?;
    pia.goes().await?;
    tom.link.ask(&format!(r#"<sendIM peer="{}">second {words}</sendIM>"#, callers(home.number)[1])).await?;
    let mut pia = Caller::bound(home, 1).await?;
    pia.link.expect("readIM", &format!("second {words}")).await?;
    tom.link.ask(&format!(r#"<rosterSet peer="{}" subscription="remove"/>"#, pia.address)).await?;
    pia.link.expect("rosterItem", r#"subscription="none""#).await?;
    pia.link.ask(&format!(r#"<rosterSet peer="{}" subscription="remove"/>"#, tom.address)).await?;
    tom.goes().await?;
    pia.goes().await
}

/// An application runs for Tom, and he finds another session of his by a meeting.
pub async fn play(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut other) = (Caller::bound(home, 0).await?, Caller::comes(home, 0).await?);
    let created = tom.link.ask(r#"<taskStart programName="echo"><param>one</param></taskStart>"#).await?;
    let task = created.first().and_then(|task| task.get("taskRef")).ok_or("no taskRef")?.to_owned();
    tom.link.expect("taskEvent", "started").await?;
    tom.link.ask(&format!(r#"<taskSendEvent taskRef="{task}" eventName="ping">words</taskSendEvent>"#)).await?;
    tom.link.expect("taskEvent", ">words<").await?;
    tom.link.ask(&format!(r#"<taskClose taskRef="{task}"/>"#)).await?;
    let meeting = |verb: &str| format!(r#"<task{verb}Meeting meetingName="chess"/>"#);
    tom.ask(&["Create", "Activate"].map(meeting)).await?;
    let found = other.link.ask(&meeting("Find")).await?;
    let task = found.first().and_then(|task| task.get("taskRef")).ok_or_else(|| format!("taskFindMeeting: {found:?}"))?.to_owned();
    other.link.ask(&format!(r#"<taskSendEvent taskRef="{task}" eventName="move">e4</taskSendEvent>"#)).await?;
    tom.link.expect("taskEvent", ">e4<").await?;
    tom.ask(&["Deactivate", "Clear", "Remove"].map(meeting)).await?;
    tom.goes().await?;
    other.goes().await
}

/// Preferences and rights: what one session changes, another of the account hears of and reads.
pub async fn prefer(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut other) = (Caller::comes(home, 0).await?, Caller::comes(home, 0).await?);
    let words = format!("words {}", home.round);
    tom.link.ask(&format!("<prefsStore><Soak>{words}</Soak></prefsStore>")).await?;
    other.link.expect("prefsModified", "").await?;
    other.link.ask("<prefsReload/>").await?;
    let read = other.link.ask("<prefsRead><name>Soak</name></prefsRead>").await?;
    if read.first().and_then(|read| read.first("Soak")).map(Element::body) != Some(words) {
        return Err(format!("prefsRead: {read:?}"));
    }
    let pia = callers(home.number)[1].clone();
    tom.link.ask(&format!(r#"<accountACLUpdate><aclElem pattern="{pia}">lp</aclElem></accountACLUpdate>"#)).await?;
    let list = other.link.ask("<accountACLList/>").await?;
    other.link.ask("<accountRightsGet/>").await?;
    tom.link.ask(&format!(r#"<accountACLUpdate><aclElem pattern="{pia}" mode="clear">l</aclElem></accountACLUpdate>"#)).await?;
    if !list.first().is_some_and(|list| list.elements().any(|element| element.get("pattern") == Some(&pia))) {
        return Err(format!("accountACLList: {list:?}"));
    }
    tom.goes().await?;
    other.goes().await
}
