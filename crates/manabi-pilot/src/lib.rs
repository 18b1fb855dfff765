//! The label-efficiency study: what self-supervision saves, what it costs, and the report that says so.
