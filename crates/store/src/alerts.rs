//! What the alerter keeps: schedule, cards, claims.
