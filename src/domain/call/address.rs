//! Whom a call may go to, as clients and scripts name them.
//!
//! Spec: XIMSS, "Signaling" (callStart, callRedirect, callTransfer).

use crate::domain::access::Caller;
use crate::domain::im;
use crate::model::call::{Application, CallTarget};
use crate::model::fault::{Fault, Outcome};

/// Whom a client names: an e-mail address or a SIP URI, an application (`#echo`), one device (`address/clientID`). A name
/// without a domain is of the caller's own.
pub fn target(text: &str, caller: &Caller) -> Outcome<CallTarget> {
    let text = text.trim();
    if text.starts_with('#') {
        return Application::of(text, &caller.address).map(CallTarget::Application);
    }
    let scheme = ["sips:", "sip:"].iter().find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    let address = scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text);
    let address = if scheme.is_some() { address.split([';', '?']).next().unwrap_or(address) } else { address };
    if address.is_empty() || address.len() > 1_024 || address.chars().any(char::is_control) {
        return Err(Fault::incorrect("peer"));
    }
    let (address, device) = match address.split_once('/') {
        Some((address, device)) => (address, Some(device.parse()?)),
        None => (address, None),
    };
    let is_number = !address.contains('@') && address.starts_with('+');
    if is_number || address.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("tel:")) {
        return Ok(CallTarget::Foreign(address.to_owned()));
    }
    let account = im::peer(address, caller)?.account();
    Ok(match (account, device) {
        (Some(account), Some(device)) => CallTarget::Device(account, device),
        (Some(account), None) => CallTarget::Account(account),
        (None, _) => CallTarget::Foreign(address.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::AccountId;

    #[test]
    fn whom_clients_name() {
        let caller = Caller { account: AccountId(1), address: "alice@example.test".parse().unwrap() };
        let account = |text: &str| CallTarget::Account(text.parse().unwrap());
        assert_eq!(target("bob", &caller), Ok(account("bob@example.test")));
        assert_eq!(target("sip:bob@other.test;transport=tcp", &caller), Ok(account("bob@other.test")));
        assert!(
            matches!(target("#echo", &caller), Ok(CallTarget::Application(echo)) if echo.owner == caller.address && echo.name == "echo")
        );
        assert_eq!(
            target("bob@example.test/phone", &caller),
            Ok(CallTarget::Device("bob@example.test".parse().unwrap(), "phone".parse().unwrap()))
        );
        assert_eq!(target("+13137474454", &caller), Ok(CallTarget::Foreign("+13137474454".to_owned())));
        assert!(target("", &caller).is_err() && target("sip:;x", &caller).is_err());
    }
}
