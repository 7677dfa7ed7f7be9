//! The ways in. Each is a conversation with a person that ends in a proof or a refusal.

pub mod push;
