//! Results of several requests to the client, which are sent together.

use crate::failure::Kind;
use crate::Failure;

/// Results of requests to the client, the argument of [`Context::all`](crate::Context::all): a tuple of up to eight, an
/// array or a `Vec` of `Result<_, Failure>`.
///
/// ```
/// use wasmcp_guest::{ClientResults, Failure};
///
/// assert_eq!((Ok::<_, Failure>(1), Ok::<_, Failure>("two")).together().unwrap(), (1, "two"));
/// assert!([Ok(1), Err(Failure::new("no")), Ok(3)].together().is_err());
/// ```
pub trait ClientResults {
    /// The values, in the same form: a tuple, an array or a `Vec`.
    type Values;

    /// Return all values. If some are missing, return the first failure other than a request without a result; without
    /// such a failure, the request without a result.
    fn together(self) -> Result<Self::Values, Failure>;
}

/// Failure of several results: any other failure has precedence over a request without a result.
#[derive(Default)]
struct Failed(Option<Failure>);

impl Failed {
    /// Return the value of a result, or note its failure.
    fn value<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                if matches!(self.0, None | Some(Failure(Kind::InputRequired(_)))) {
                    self.0 = Some(failure);
                }
                None
            }
        }
    }

    fn or<T>(self, values: T) -> Result<T, Failure> {
        self.0.map_or(Ok(values), Err)
    }
}

impl<T> ClientResults for Vec<Result<T, Failure>> {
    type Values = Vec<T>;

    fn together(self) -> Result<Vec<T>, Failure> {
        let mut failed = Failed::default();
        let values = self.into_iter().filter_map(|result| failed.value(result)).collect();
        failed.or(values)
    }
}

impl<T, const N: usize> ClientResults for [Result<T, Failure>; N] {
    type Values = [T; N];

    fn together(self) -> Result<[T; N], Failure> {
        let mut failed = Failed::default();
        let values = self.map(|result| failed.value(result));
        if let Some(failure) = failed.0 {
            return Err(failure);
        }
        Ok(values.map(|value| value.expect("a result without a failure has a value")))
    }
}

macro_rules! tuple {
    ($($type:ident $value:ident),+) => {
        impl<$($type),+> ClientResults for ($(Result<$type, Failure>,)+) {
            type Values = ($($type,)+);

            fn together(self) -> Result<Self::Values, Failure> {
                let ($($value,)+) = self;
                let mut failed = Failed::default();
                $(let $value = failed.value($value);)+
                match (failed.0, $($value,)+) {
                    (None, $(Some($value),)+) => Ok(($($value,)+)),
                    (failure, ..) => Err(failure.unwrap_or_else(|| Failure(Kind::InputRequired(None)))),
                }
            }
        }
    };
}

tuple!(A a);
tuple!(A a, B b);
tuple!(A a, B b, C c);
tuple!(A a, B b, C c, D d);
tuple!(A a, B b, C c, D d, E e);
tuple!(A a, B b, C c, D d, E e, F f);
tuple!(A a, B b, C c, D d, E e, F f, G g);
tuple!(A a, B b, C c, D d, E e, F f, G g, H h);

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: Failure = Failure(Kind::InputRequired(None));

    #[test]
    fn a_request_without_an_answer_gives_way_to_other_failures() {
        let no = || Err(Failure::new("no"));
        let kinds = [
            (Err::<u8, _>(WAITING), no()).together().map(|_: (u8, u8)| ()),
            (no(), Err::<u8, _>(WAITING)).together().map(|_: (u8, u8)| ()),
            [Err(WAITING), Ok(1), no(), Err(Failure::new("later"))].together().map(|_| ()),
            vec![Ok(1), Err(WAITING), no()].together().map(|_| ()),
        ];
        for kind in kinds {
            assert!(matches!(kind, Err(Failure(Kind::Public(words))) if words == "no"));
        }
        let waiting = (Ok(1), Err::<u8, _>(WAITING)).together();
        assert!(matches!(waiting, Err(Failure(Kind::InputRequired(None)))));
    }

    #[test]
    fn values_keep_their_order() {
        assert_eq!([Ok(1), Ok(2)].together().unwrap(), [1, 2]);
        assert_eq!(vec![Ok(1), Ok(2)].together().unwrap(), [1, 2]);
        assert_eq!((Ok(1), Ok("2"), Ok('3')).together().unwrap(), (1, "2", '3'));
    }
}
