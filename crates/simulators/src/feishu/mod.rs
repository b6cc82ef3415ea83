//! Feishu: messages, cards, callbacks.
