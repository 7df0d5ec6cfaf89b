//! Whom a call may go to, as clients and scripts name them.
//!
//! Spec: XIMSS, "Signaling" (callStart, callRedirect, callTransfer).

use crate::domain::access::Caller;
use crate::domain::im;
use crate::model::call::{Application, CallTarget};
use crate::model::fault::{Fault, Outcome};

/// The address in a SIP URI, without its scheme: the port and the parameters tell other servers how to reach the account,
/// and are nothing to the one that has it. Parameters of the user part may not be taken for those of the whole.
fn account_of_uri(uri: &str) -> String {
    fn bare(part: &str) -> &str {
        part.split([';', '?']).next().unwrap_or(part)
    }
    let Some((user, host)) = uri.split_once('@') else { return bare(uri).to_owned() };
    let host = bare(host);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let host = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(host, _)| host);
    format!("{}@{host}", bare(user))
}

/// Whom a client names: an e-mail address or a SIP URI, an application (`#echo`), one device (`address/clientID`). A name
/// without a domain is of the caller's own.
pub fn target(text: &str, caller: &Caller) -> Outcome<CallTarget> {
    let text = text.trim();
    if text.starts_with('#') {
        return Application::of(text, &caller.address).map(CallTarget::Application);
    }
    let scheme = ["sips:", "sip:"].iter().find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    let address = scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text);
    let named = scheme.map(|_| account_of_uri(address));
    let address = named.as_deref().unwrap_or(address);
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
        for uri in ["sip:bob@other.test:5060", "SIPS:bob@other.test", "sip:bob;isub=1@other.test:5061;user=phone?Subject=x"] {
            assert_eq!(target(uri, &caller), Ok(account("bob@other.test")), "{uri}");
        }
        for wrong in ["sip:bob@other.test:0", "sip:bob@other.test:port", "sip:bob@:5060", "sip:;x@other.test", "bob@other.test:5060"] {
            assert!(target(wrong, &caller).is_err(), "{wrong}");
        }
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
