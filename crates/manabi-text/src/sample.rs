//! The sample type: a text as it was read, or the tokens that a view is.

use manabi_core::{Error, Result};

/// A text as it was read, or both texts of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The second text of a scored pair.
    pub second: Option<String>,
}

/// Token numbers of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Numbers in the vocabulary, with the tokeniser's marks of begin and end.
    pub ids: Vec<u32>,
    /// True where a token begins a word; marks do.
    pub begins: Vec<bool>,
    /// Of which random numbers dropout is made; none where nothing is dropped.
    pub dropout: Option<u64>,
}

/// A sample: what sources hold is a [`Sample::Text`], what augmentation gives is a [`Sample::Tokens`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample {
    /// A text.
    Text(Text),
    /// Its tokens.
    Tokens(Tokens),
}

impl Sample {
    /// The text.
    ///
    /// # Errors
    /// If the sample is a view already.
    pub fn text(&self) -> Result<&Text> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Tokens(_) => Err(Error::data("this sample is tokens already; a view is made of a text")),
        }
    }

    /// The tokens.
    ///
    /// # Errors
    /// If the sample is still a text.
    pub fn tokens(&self) -> Result<&Tokens> {
        match self {
            Self::Tokens(tokens) => Ok(tokens),
            Self::Text(_) => Err(Error::data("this sample is a text still; make a view of it first")),
        }
    }
}
