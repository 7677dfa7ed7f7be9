use crate::{Failure, tls};

/// The CA certificates of a file. How many there are.
///
/// # Errors
///
/// One of them is none, or there is none.
pub fn ca_certificates(pem: &[u8]) -> Result<usize, Failure> {
    tls::given(pem).map(|roots| roots.len())
}
