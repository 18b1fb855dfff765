//! Sensor time series.
