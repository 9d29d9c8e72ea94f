//! Tests of the rules, against scripted providers.
