//! The first administrator: made by the first server that finds none, with a password that nobody else has.

use super::config::Config;
use super::premises::write_private;
use super::problem::{Done, Problem};
use crate::domain::accounts::{self, FirstAdmin};
use crate::domain::house::House;
use std::io::{IsTerminal, Write};

/// The file in the data directory that the password is written to where no terminal can show it.
const FILE: &str = "initial-admin";

/// Makes `postmaster` of the main domain an administrator if no account is one. A password that was made for it is
/// printed once on a terminal, else written to a file that only the server's own user may read.
pub async fn ensure(house: &House, config: &Config) -> Done {
    let House { store, keys, .. } = house;
    let (address, secret) = match accounts::ensure_admin(store, keys, &config.domain, config.legacy_mechanisms).await? {
        FirstAdmin::There => return Ok(()),
        FirstAdmin::Promoted(address) => {
            tracing::warn!("no account was an administrator: {address} is one from now on, with the password it has");
            return Ok(());
        }
        FirstAdmin::Made(address, secret) => (address, secret),
    };
    let text = format!("account:  {address}\npassword: {}\nweb:      {}\n", *secret, web_address(config));
    if std::io::stdout().is_terminal() {
        let _ = write!(std::io::stdout(), "\nThe administrator of this server; the password is shown this once:\n\n{text}\n");
        return Ok(());
    }
    let path = config.data_dir.join(FILE);
    let lost = |e| Problem::new(e, format_args!("then set a password with \"posthouse account password {address} --password-stdin\""));
    write_private(&path, &text).map_err(lost)?;
    tracing::info!("the administrator's account has been made, its password is in {}", path.display());
    Ok(())
}

/// Where a browser on this machine finds the server.
fn web_address(config: &Config) -> String {
    let of = |scheme: &str, address: &std::net::SocketAddr| {
        let host = if address.ip().is_unspecified() { config.domain.to_string() } else { address.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("{scheme}://{host}:{}/", address.port())
    };
    let https = config.listen.https.first().map(|address| of("https", address));
    let http = config.listen.http.first().map(|address| of("http", address));
    http.or(https).unwrap_or_else(|| "not offered: see [listen] in the configuration".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_address_can_be_opened() {
        let mut config = Config::built_in();
        config.domain = "home.test".parse().unwrap();
        assert_eq!(web_address(&config), "http://127.0.0.1:8100/");
        config.listen.http = vec!["[::]:80".parse().unwrap()];
        assert_eq!(web_address(&config), "http://home.test:80/");
        config.listen.http = vec![];
        config.listen.https = vec!["[::1]:443".parse().unwrap()];
        assert_eq!(web_address(&config), "https://[::1]:443/");
        config.listen.https = vec![];
        assert!(web_address(&config).contains("[listen]"));
    }
}
