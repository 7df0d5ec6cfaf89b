//! The specification's data elements to the model and back.

pub mod acl;
pub mod attributes;
pub mod calendar;
pub mod call;
pub mod contact;
pub mod found;
pub mod im;
pub mod iq;
pub mod mail;
pub mod messages;
pub mod objects;
pub mod roster;
pub mod sdp;
pub mod session;
pub mod value;
