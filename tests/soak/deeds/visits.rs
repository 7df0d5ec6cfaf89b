//! Visitors, who come and go: what is asked before login, TLS on a clear connection, the other way to log in; new
//! accounts, forgotten and changed passwords.

use crate::household::Household;
use crate::link::{Kind, Outcome};
use base64::Engine;

/// A visitor asks around, logs in by SASL, and leaves.
pub async fn visit(home: &mut Household, seat: usize) -> Outcome {
    let account = home.seats[seat].account;
    let kind = [Kind::Clear, Kind::Tls, Kind::WebSocket][home.random.below(3)];
    let mut link = home.visitor(kind).await?;
    link.ask("<listFeatures/>").await?;
    link.ask("<readStrings/>").await?;
    if kind == Kind::Clear {
        link.ask("<starttls/>").await?;
        link.start_tls().await?;
        link.ask("<listFeatures/>").await?;
    }
    if home.round < 60 {
        forget(home, &mut link).await?;
    }
    let token = base64::engine::general_purpose::STANDARD.encode(format!("\0{}\0{}", home.address(account), home.passwords[account]));
    link.ask(&format!(r#"<login method="PLAIN" authData="{token}"/>"#)).await?;
    link.ask("<readSession/>").await?;
    link.ask("<bye/>").await?;
    let mut link = home.visitor(Kind::Clear).await?;
    link.log_in_when_asked("PLAIN", &token).await?;
    link.ask("<bye/>").await.map(drop)
}

/// Somebody new signs up, and asks for a code to set another password. Both take the server a while, and are seldom.
async fn forget(home: &mut Household, link: &mut crate::link::Link) -> Outcome {
    let (name, ben) = (format!("guest{}-{}", home.number, home.round), home.address(1));
    link.ask(&format!(r#"<signup userName="{name}" password="a guest's password" recoverPassword="{ben}"/>"#)).await?;
    link.ask(&format!(r#"<recoverPassword userName="{name}"/>"#)).await?;
    // The code comes by mail.
    home.posted("1/INBOX", &format!("A code for your account {name}"));
    Ok(())
}

/// Eve changes her password, and logs in with the new one.
pub async fn change_password(home: &mut Household, _: usize) -> Outcome {
    let Some(seat) = home.seats.iter().position(|seat| seat.account == 2) else { return Ok(()) };
    let (old, new) = (home.passwords[2].clone(), format!("secret {}", home.round));
    home.seats[seat].link.ask(&format!(r#"<passwordModify oldPassword="{old}" newPassword="{new}"/>"#)).await?;
    home.passwords[2] = new;
    home.relog(seat).await
}
