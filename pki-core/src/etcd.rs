//! Whole etcd clusters from one description.
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DescriptionError;
impl DescriptionError {
    pub(crate) fn hint(&self) -> Option<String> {
        None
    }
}
