//! The most characters that each attribute of a subject may have (RFC 5280 appendix A.1).

pub(crate) const UB_COMMON_NAME: usize = 64;
pub(crate) const UB_STATE_NAME: usize = 128;
pub(crate) const UB_LOCALITY_NAME: usize = 128;
pub(crate) const UB_ORGANIZATION_NAME: usize = 64;
pub(crate) const UB_ORGANIZATIONAL_UNIT_NAME: usize = 64;
