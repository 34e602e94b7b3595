//! Speaks to OpenAI-compatible servers.
