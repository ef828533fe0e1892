//! The JSON dialects of the contract, and plain JSON for people.
