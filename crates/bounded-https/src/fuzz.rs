use crate::{Error, tls};

/// The number of CA certificates in a file.
///
/// # Errors
///
/// The file has no certificate, or an invalid one.
pub fn ca_certificates(pem: &[u8]) -> Result<usize, Error> {
    tls::given(pem).map(|roots| roots.len())
}
