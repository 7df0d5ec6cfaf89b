//! Logging in as a client does it: requests in, messages out.
