//! TLS: the server's certificate, which can be changed while connections run, and what is made of it.
//!
//! Connections ask for the certificate at their handshake, so a reload is one assignment; a file that cannot be used
//! changes nothing. Without files, `self_signed` provides.

use super::self_signed;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ConfigBuilder, ConfigSide, ServerConfig, WantsVerifier, WantsVersions};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Why there is no TLS, for people.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, String),
    /// A file holds no certificate.
    NoCertificate(PathBuf),
    /// A file holds no private key.
    NoKey(PathBuf),
    /// The key is of a kind that cannot be used, or does not belong to the certificate.
    Unfit(PathBuf, String),
    /// No certificate could be made, or not be kept.
    NotMade(PathBuf, String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, cause) => {
                write!(f, "{} cannot be read ({cause}): correct [tls] or the rights of the file", path.display())
            }
            Self::NoCertificate(path) => write!(f, "{} holds no certificate: [tls] certificate must name a PEM file", path.display()),
            Self::NoKey(path) => write!(f, "{} holds no private key: [tls] key must name a PEM file", path.display()),
            Self::Unfit(path, cause) => write!(f, "the key {} cannot be used ({cause}): name the key of the certificate", path.display()),
            Self::NotMade(path, cause) => {
                write!(
                    f,
                    "no certificate can be made in {} ({cause}): correct the directory's rights or name files in [tls]",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for TlsError {}

/// The certificate in force.
struct Current {
    key: RwLock<Arc<CertifiedKey>>,
}

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        // A panic while the lock was held cannot leave it half changed: a change is one assignment.
        self.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    SelfSigned { directory: PathBuf, names: Vec<String> },
}

impl Source {
    fn load(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        match self {
            Self::Files { certificate, key } => read_files(certificate, key, provider).map(Arc::new),
            Self::SelfSigned { directory, names } => self_signed::find_or_make(directory, names, provider).map(Arc::new),
        }
    }
}

/// The server's certificate. Cloning gives another handle.
#[derive(Clone)]
pub struct Certificates {
    source: Source,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
}

impl Certificates {
    /// Reads the certificate chain and the key (PEM). Without files, a self-signed certificate for `names` is taken from
    /// `data`, and made there if there is none that still holds for a while. Blocks.
    pub fn load(files: Option<(PathBuf, PathBuf)>, data: &Path, names: &[String]) -> Result<Self, TlsError> {
        let source = match files {
            Some((certificate, key)) => Source::Files { certificate, key },
            None => Source::SelfSigned { directory: data.to_owned(), names: names.to_vec() },
        };
        let provider = Arc::new(ring::default_provider());
        let key = RwLock::new(source.load(&provider)?);
        Ok(Self { source, provider, current: Arc::new(Current { key }) })
    }

    /// Reads again what `load` read. New connections get the new certificate, running ones keep theirs; on an error
    /// all stays as it was. Called daily it also renews the self-signed certificate in time. Blocks.
    pub fn reload(&self) -> Result<(), TlsError> {
        let loaded = self.source.load(&self.provider)?;
        *self.current.key.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// For protocols that need no name in the handshake: XIMSS.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.configuration()))
    }

    /// For the web port. Which versions of HTTP are offered in the handshake (ALPN) is filled in by the web server,
    /// which knows the ones it speaks.
    pub fn web(&self) -> Arc<ServerConfig> {
        Arc::new(self.configuration())
    }

    fn configuration(&self) -> ServerConfig {
        let builder = with_versions(ServerConfig::builder_with_provider(self.provider.clone()));
        builder.with_no_client_auth().with_cert_resolver(self.current.clone())
    }
}

/// Lets either side of a connection speak TLS 1.2 and 1.3, as ring does.
pub(super) fn with_versions<S: ConfigSide>(builder: ConfigBuilder<S, WantsVersions>) -> ConfigBuilder<S, WantsVerifier> {
    // ring has cipher suites for both of these versions, which is all that is checked.
    #[allow(clippy::expect_used)]
    builder.with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]).expect("ring speaks TLS 1.2 and 1.3")
}

/// The certificate chain and the key of two PEM files, checked against each other.
pub(super) fn read_files(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| TlsError::Unreadable(path.to_owned(), e.to_string()));
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|e| TlsError::Unfit(key.to_owned(), e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    fn client(trusted: &CertificateDer<'static>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        TlsConnector::from(Arc::new(
            builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth(),
        ))
    }

    fn leaf(certificates: &Certificates) -> CertificateDer<'static> {
        certificates.current.get().end_entity_cert().unwrap().clone().into_owned()
    }

    /// The certificate that a client which trusts `trusted` is shown.
    fn handshake(acceptor: &TlsAcceptor, trusted: &CertificateDer<'static>) -> std::io::Result<CertificateDer<'static>> {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        let name = ServerName::try_from("localhost").unwrap();
        let connector = client(trusted);
        actix::System::new().block_on(async {
            let (accepted, connected) = tokio::join!(acceptor.accept(ours), connector.connect(name, theirs));
            let connected = connected?;
            accepted?;
            Ok(connected.get_ref().1.peer_certificates().unwrap()[0].clone())
        })
    }

    #[test]
    fn a_reload_holds_for_new_connections_and_a_bad_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned()];
        let made = |name: &str| {
            let data = folder.path().join(name);
            std::fs::create_dir(&data).unwrap();
            let leaf = leaf(&Certificates::load(None, &data, &names).unwrap());
            (data.join(self_signed::CERTIFICATE), data.join(self_signed::KEY), leaf)
        };
        let (first, second) = (made("first"), made("second"));
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::copy(&first.0, &certificate).unwrap();
        std::fs::copy(&first.1, &key).unwrap();
        let loaded = Certificates::load(Some((certificate.clone(), key.clone())), folder.path(), &names).unwrap();
        let acceptor = loaded.acceptor();
        assert_eq!(handshake(&acceptor, &first.2).unwrap(), first.2);

        std::fs::copy(&second.0, &certificate).unwrap();
        assert!(matches!(loaded.reload(), Err(TlsError::Unfit(..))), "the key of another certificate");
        assert_eq!(handshake(&acceptor, &first.2).unwrap(), first.2);
        std::fs::copy(&second.1, &key).unwrap();
        loaded.reload().unwrap();
        assert_eq!(handshake(&acceptor, &second.2).unwrap(), second.2);
        assert!(handshake(&acceptor, &first.2).is_err());

        std::fs::write(&certificate, "nothing").unwrap();
        assert!(matches!(loaded.reload(), Err(TlsError::NoCertificate(_))));
        std::fs::remove_file(&key).unwrap();
        std::fs::copy(&second.0, &certificate).unwrap();
        assert!(matches!(loaded.reload(), Err(TlsError::Unreadable(..))));
        assert_eq!(handshake(&acceptor, &second.2).unwrap(), second.2);
    }
}
