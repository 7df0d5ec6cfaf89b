//! Pre-login and login operations. Spec: XIMSS, "Pre-Login Operations", "Login Operations".

use crate::proto::ximss::request::Op;

/// The family.
pub const OPS: &[Op] = &[];
