//! Expansions against the definition.
