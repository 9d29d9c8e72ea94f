//! Values of labels, as many as a series has names for.

/// The value of a label: a text of the code, or one that is shared or owned.
pub type LabelValue = metrics::SharedString;

/// Values for the `N` labels of a series, in the order in which it declares them:
/// an array, or a tuple if they are of several types.
pub trait LabelValues<const N: usize> {
    /// The values.
    fn values(self) -> [LabelValue; N];
}

impl<T: Into<LabelValue>, const N: usize> LabelValues<N> for [T; N] {
    fn values(self) -> [LabelValue; N] {
        self.map(Into::into)
    }
}

impl<A, B> LabelValues<2> for (A, B)
where
    A: Into<LabelValue>,
    B: Into<LabelValue>,
{
    fn values(self) -> [LabelValue; 2] {
        [self.0.into(), self.1.into()]
    }
}

impl<A, B, C> LabelValues<3> for (A, B, C)
where
    A: Into<LabelValue>,
    B: Into<LabelValue>,
    C: Into<LabelValue>,
{
    fn values(self) -> [LabelValue; 3] {
        [self.0.into(), self.1.into(), self.2.into()]
    }
}

impl<A, B, C, D> LabelValues<4> for (A, B, C, D)
where
    A: Into<LabelValue>,
    B: Into<LabelValue>,
    C: Into<LabelValue>,
    D: Into<LabelValue>,
{
    fn values(self) -> [LabelValue; 4] {
        [self.0.into(), self.1.into(), self.2.into(), self.3.into()]
    }
}

impl<A, B, C, D, E> LabelValues<5> for (A, B, C, D, E)
where
    A: Into<LabelValue>,
    B: Into<LabelValue>,
    C: Into<LabelValue>,
    D: Into<LabelValue>,
    E: Into<LabelValue>,
{
    fn values(self) -> [LabelValue; 5] {
        [
            self.0.into(),
            self.1.into(),
            self.2.into(),
            self.3.into(),
            self.4.into(),
        ]
    }
}
