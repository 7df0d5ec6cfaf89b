//! The specification's data elements to the model and back.
