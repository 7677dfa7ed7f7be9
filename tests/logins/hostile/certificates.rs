//! Servers that cannot prove to be the tenant. Behind each certificate is a server that would let
//! every user in.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose as Usage, GeneralSubtree, IsCa, KeyPair, NameConstraints,
    PKCS_RSA_SHA256, PublicKeyData, SanType, SignatureAlgorithm, date_time_ymd,
};
use rsa::pkcs1::EncodeRsaPublicKey;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SignatureScheme};
use servers::Scripted;
use tenant::{Hash, KeyType};

use super::table::{DENY, IGNORE, QUICK, assert_row, log_in, play_good, pushes, run_all};

#[test]
fn nobody_proves_to_be_the_tenant_with_another_certificate() {
    run_all(
        &rows(),
        |row| row.name,
        |_| false,
        |row| {
            let root = root();
            let server = start(&root, (row.identity)(&root));
            let login = log_in(&server, QUICK, IGNORE);
            assert_row(row.name, &login, "PAM_AUTHINFO_UNAVAIL", "tls", QUICK.0);
            let library = [
                "invalid peer certificate",
                "OtherError",
                "received fatal alert",
            ];
            for words in library {
                assert!(
                    !login.log().contains(words),
                    "{}: {}",
                    row.name,
                    login.log()
                );
            }
            assert_eq!(pushes(&server), 0);
            assert_eq!(server.asked(), [], "{}: asked something", row.name);
        },
    );
}

/// The table proves something only if a good certificate works.
#[test]
fn a_good_chain_is_believed() {
    let through = |root: &Ca| below(&intermediate(root, |_| {}), |_| {});
    let chain = |root: &Ca| {
        let first = intermediate(root, |_| {});
        let second = intermediate(&first, |_| {});
        below(&second, |_| {}).with(&first)
    };
    let controls: [fn(&Ca) -> Identity; 3] = [|root| below(root, |_| {}), through, chain];
    for control in controls {
        let root = root();
        let server = start(&root, control(&root));
        let login = log_in(&server, QUICK, DENY);
        assert_eq!(login.code(), "PAM_SUCCESS", "{:#?}", login.events);
    }
}

/// A row. All rows end in `PAM_AUTHINFO_UNAVAIL` and `tls`, even with `on_unavailable = "ignore"`.
/// The server receives no request.
pub struct Row {
    pub name: &'static str,
    /// Makes the identity for a tenant below this root.
    identity: Box<dyn Fn(&Ca) -> Identity + Send + Sync>,
}

pub fn rows() -> Vec<Row> {
    vec![
        // Names.
        leaf("another-name", |leaf| name(leaf, "other.example")),
        leaf("a-name-that-begins-so", |leaf| {
            name(leaf, "localhost.example");
        }),
        leaf("a-name-that-ends-so", |leaf| name(leaf, "xlocalhost")),
        leaf("a-name-below-it", |leaf| name(leaf, "www.localhost")),
        leaf("a-name-with-nul", |leaf| name(leaf, "localhost\0.example")),
        leaf("every-name", |leaf| name(leaf, "*")),
        leaf("every-name-below-it", |leaf| name(leaf, "*.localhost")),
        leaf("an-empty-name", |leaf| name(leaf, "")),
        leaf("the-address-alone", |leaf| {
            names(leaf, SanType::IpAddress([127, 0, 0, 1].into()));
        }),
        leaf("the-name-as-a-url", |leaf| {
            names(leaf, SanType::URI("https://localhost/".try_into().unwrap()));
        }),
        leaf("the-name-as-a-mail-address", |leaf| {
            names(
                leaf,
                SanType::Rfc822Name("root@localhost".try_into().unwrap()),
            );
        }),
        leaf("the-name-as-a-common-name-alone", |leaf| {
            leaf.subject_alt_names.clear();
            leaf.distinguished_name
                .push(DnType::CommonName, "localhost");
        }),
        // Times.
        leaf("expired-years-ago", |leaf| {
            leaf.not_after = date_time_ymd(2021, 1, 1);
        }),
        leaf("not-valid-for-years", |leaf| {
            leaf.not_before = date_time_ymd(4095, 1, 1);
        }),
        leaf("valid-backwards", |leaf| {
            leaf.not_before = date_time_ymd(4095, 1, 1);
            leaf.not_after = date_time_ymd(1980, 1, 1);
        }),
        // Purposes.
        leaf("of-an-authority", |leaf| {
            leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
        leaf("for-clients", |leaf| {
            leaf.extended_key_usages = vec![Usage::ClientAuth];
        }),
        leaf("for-code", |leaf| {
            leaf.extended_key_usages = vec![Usage::CodeSigning];
        }),
        leaf("with-a-demand-that-nobody-knows", |leaf| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            leaf.custom_extensions.push(extension);
        }),
        leaf("of-a-megabyte", |leaf| {
            let mut null = vec![4, 0x83, 0x0f, 0xff, 0xff];
            null.resize(5 + 0xf_ffff, 0);
            leaf.custom_extensions
                .push(CustomExtension::from_oid_content(&[1, 2, 3, 4], null));
        }),
        // Issuers.
        row("signed-by-itself", |_| {
            let key = KeyPair::generate().unwrap();
            let leaf = params("localhost").self_signed(&key).unwrap();
            Identity::new(vec![leaf.der().clone()], &key)
        }),
        row("of-an-authority-of-the-same-name", |_| {
            below(&root(), |_| {})
        }),
        row("of-an-authority-that-comes-along", |_| {
            let other = authority("Another", |_| {}, None);
            below(&other, |_| {}).with(&other)
        }),
        row("of-the-authority-s-own", |root| {
            Identity::new(vec![root.der().clone()], root.key())
        }),
        row("of-another-s-certificate", |root| {
            let key = KeyPair::generate().unwrap();
            Identity::new(below(root, |_| {}).chain, &key)
        }),
        // The path to the root.
        row("a-chain-without-its-intermediate", |root| {
            let mut identity = below(&intermediate(root, |_| {}), |_| {});
            identity.chain.truncate(1);
            identity
        }),
        row("a-chain-with-another-intermediate", |root| {
            let mut identity = below(&intermediate(root, |_| {}), |_| {});
            identity.chain[1] = intermediate(root, |_| {}).der().clone();
            identity
        }),
        row("a-chain-the-wrong-way-round", |root| {
            let mut identity = below(&intermediate(root, |_| {}), |_| {});
            identity.chain.reverse();
            identity
        }),
        through("an-intermediate-that-has-expired", |ca| {
            ca.not_after = date_time_ymd(2021, 1, 1);
        }),
        through("an-intermediate-of-the-future", |ca| {
            ca.not_before = date_time_ymd(4095, 1, 1);
        }),
        through("an-intermediate-that-is-no-authority", |ca| {
            ca.is_ca = IsCa::NoCa;
        }),
        through("an-intermediate-that-says-it-is-none", |ca| {
            ca.is_ca = IsCa::ExplicitNoCa;
        }),
        through("an-intermediate-for-clients", |ca| {
            ca.extended_key_usages = vec![Usage::ClientAuth];
        }),
        through("an-intermediate-for-other-names", |ca| {
            ca.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("example".into())],
                excluded_subtrees: Vec::new(),
            });
        }),
        through("an-intermediate-not-for-this-name", |ca| {
            ca.name_constraints = Some(NameConstraints {
                permitted_subtrees: Vec::new(),
                excluded_subtrees: vec![GeneralSubtree::DnsName("localhost".into())],
            });
        }),
        row("a-path-longer-than-allowed", |root| {
            let last =
                |ca: &mut CertificateParams| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            let first = authority("The first", last, Some(root));
            below(&intermediate(&first, |_| {}), |_| {}).with(&first)
        }),
        row("a-leaf-that-signs", |root| {
            let leaf = authority("localhost", |leaf| leaf.is_ca = IsCa::NoCa, Some(root));
            below(&leaf, |_| {}).with(&leaf)
        }),
        row("a-chain-of-a-hundred", |root| {
            let mut chain = vec![intermediate(root, |_| {})];
            for _ in 1..100 {
                chain.push(intermediate(chain.last().unwrap(), |_| {}));
            }
            let mut identity = below(chain.last().unwrap(), |_| {});
            for ca in chain.iter().rev().skip(1) {
                identity = identity.with(ca);
            }
            identity
        }),
        row("a-chain-that-goes-round", |_| {
            let (one, two) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
            let ca = |name: &str| ca_params(name, |_| {});
            let issuer = |name: &str, key| rcgen::Issuer::new(ca(name), key);
            let (first, second) = (issuer("one", one), issuer("two", two));
            let key = KeyPair::generate().unwrap();
            let leaf = params("localhost").signed_by(&key, &first).unwrap();
            let one = ca("one").signed_by(first.key(), &second).unwrap();
            let two = ca("two").signed_by(second.key(), &first).unwrap();
            let chain = [leaf, one, two].map(|certificate| certificate.der().clone());
            Identity::new(chain.into(), &key)
        }),
        row("a-maze-of-intermediates", |_| {
            // All have the same name, and each could have signed the next.
            let first = authority("one", |_| {}, None);
            let mut identity = below(&first, |_| {});
            for _ in 0..60 {
                let again = ca_params("one", |_| {})
                    .signed_by(first.key(), &first)
                    .unwrap();
                identity.chain.push(again.der().clone());
            }
            identity
        }),
        // Bytes that are not a certificate.
        bytes("a-bit-else-at-the-end", |der| *der.last_mut().unwrap() ^= 1),
        bytes("a-bit-else-in-the-middle", |der| {
            let middle = der.len() / 2;
            der[middle] ^= 1;
        }),
        bytes("half-a-certificate", |der| der.truncate(der.len() / 2)),
        bytes("a-byte-behind", |der| der.push(0)),
        bytes("a-certificate-that-says-it-is-longer", |der| der[3] = 0xff),
        bytes("text-for-a-certificate", |der| {
            *der = b"-----BEGIN CERTIFICATE-----".to_vec();
        }),
        bytes("an-empty-certificate", Vec::clear),
        row("no-certificate", |root| Identity {
            chain: Vec::new(),
            ..below(root, |_| {})
        }),
        // Keys and protocols.
        row("a-key-of-rsa-1024", rsa_1024),
        row("only-http-2", |root| Identity {
            change: |config| config.alpn_protocols = vec![b"h2".to_vec()],
            ..below(root, |_| {})
        }),
        row("a-certificate-of-the-client-s-wanted", |root| Identity {
            wants_client: true,
            ..below(root, |_| {})
        }),
    ]
}

type Ca = CertifiedIssuer<'static, KeyPair>;

/// The certificate chain that a server sends, and its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    only_tls_1_2: bool,
    wants_client: bool,
    change: fn(&mut ServerConfig),
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self {
            chain,
            key: any_supported_type(&key.into()).unwrap(),
            only_tls_1_2: false,
            wants_client: false,
            change: |_| {},
        }
    }

    /// Adds a certificate to the chain.
    fn with(mut self, ca: &Ca) -> Self {
        self.chain.push(ca.der().clone());
        self
    }
}

/// A server that would let every user in, for a host that trusts `root`.
fn start(root: &Ca, identity: Identity) -> Scripted {
    let versions: &[_] = if identity.only_tls_1_2 {
        &[&TLS12]
    } else {
        &[&TLS12, &TLS13]
    };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = if identity.wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(clients.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let certified = CertifiedKey::new(identity.chain, identity.key);
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    (identity.change)(&mut config);
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(root.der())
    );
    Scripted::with(pem, Arc::new(config), |wire| {
        play_good(wire, KeyType::Ed25519)
    })
    .unwrap()
}

/// The CA that the host trusts.
fn root() -> Ca {
    authority("The authority", |_| {}, None)
}

fn intermediate(issuer: &Ca, change: impl FnOnce(&mut CertificateParams)) -> Ca {
    authority("An intermediate", change, Some(issuer))
}

/// Self-signed if there is no issuer.
fn authority(name: &str, change: impl FnOnce(&mut CertificateParams), issuer: Option<&Ca>) -> Ca {
    let (params, key) = (ca_params(name, change), KeyPair::generate().unwrap());
    match issuer {
        Some(issuer) => Ca::signed_by(params, key, issuer),
        None => Ca::self_signed(params, key),
    }
    .unwrap()
}

fn ca_params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    params
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

/// A certificate for localhost with one change, and its issuer if that is not the root.
fn below(issuer: &Ca, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut leaf = params("localhost");
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, issuer).unwrap();
    Identity::new(vec![leaf.der().clone(), issuer.der().clone()], &key)
}

fn row(name: &'static str, identity: impl Fn(&Ca) -> Identity + Send + Sync + 'static) -> Row {
    let identity = Box::new(identity);
    Row { name, identity }
}

fn leaf(name: &'static str, change: fn(&mut CertificateParams)) -> Row {
    row(name, move |root| below(root, change))
}

fn through(name: &'static str, change: fn(&mut CertificateParams)) -> Row {
    row(name, move |root| below(&intermediate(root, change), |_| {}))
}

/// A good certificate with these bytes replaced.
fn bytes(name: &'static str, change: fn(&mut Vec<u8>)) -> Row {
    row(name, move |root| {
        let mut identity = below(root, |_| {});
        let mut der = identity.chain[0].to_vec();
        change(&mut der);
        identity.chain[0] = der.into();
        identity
    })
}

fn name(leaf: &mut CertificateParams, name: &str) {
    names(leaf, SanType::DnsName(name.try_into().unwrap()));
}

fn names(leaf: &mut CertificateParams, name: SanType) {
    leaf.subject_alt_names = vec![name];
}

fn rsa_1024(root: &Ca) -> Identity {
    let tenant::KeyPair::Rsa(key) = tenant::KeyPair::of_phone("", 0, KeyType::Rsa1024) else {
        panic!("not RSA");
    };
    let der = key.to_public_key().to_pkcs1_der().unwrap().into_vec();
    let leaf = params("localhost").signed_by(&Rsa1024(der), root).unwrap();
    Identity {
        chain: vec![leaf.der().clone()],
        key: Arc::new(Rsa1024(Vec::new())),
        only_tls_1_2: true,
        ..below(root, |_| {})
    }
}

/// A key that serious libraries refuse to sign with.
#[derive(Debug)]
struct Rsa1024(Vec<u8>);

impl PublicKeyData for Rsa1024 {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Rsa1024 {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self(Vec::new())))
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        rustls::SignatureAlgorithm::RSA
    }
}

impl Signer for Rsa1024 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let key = tenant::KeyPair::of_phone("", 0, KeyType::Rsa1024);
        Ok(key.sign(message, Hash::Sha256))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PKCS1_SHA256
    }
}
