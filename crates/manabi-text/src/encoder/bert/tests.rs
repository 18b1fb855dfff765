//! Against transformers' own models.
