use crate::{Error, Roots};

/// The number of CA certificates in a file.
///
/// # Errors
///
/// The file has no certificate, or an invalid one.
pub fn ca_certificates(pem: &[u8]) -> Result<usize, Error> {
    Roots::Pem(pem.to_vec()).store().map(|roots| roots.len())
}
