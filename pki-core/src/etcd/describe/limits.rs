//! How long the attributes of a subject may be.

/// The longest subject attributes, in characters (RFC 5280 appendix A.1).
pub(crate) const UB_COMMON_NAME: usize = 64;
pub(crate) const UB_STATE_NAME: usize = 128;
pub(crate) const UB_LOCALITY_NAME: usize = 128;
pub(crate) const UB_ORGANIZATION_NAME: usize = 64;
pub(crate) const UB_ORGANIZATIONAL_UNIT_NAME: usize = 64;
