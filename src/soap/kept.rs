//! Memory that is kept from one document to the next.

/// As many things as a kept stack has room for. What needed more was no usual document, and its memory
/// is given back.
const KEPT_MAX: usize = 1024;

/// A stack without anything on it, for things of another lifetime, in the same memory.
pub(super) fn emptied<T, U>(mut stack: Vec<T>) -> Vec<U> {
    if stack.capacity() > KEPT_MAX {
        return Vec::new();
    }
    stack.clear();
    // The standard library collects into the memory that it collects from where both fit into it.
    stack.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_keeps_its_memory_but_not_what_is_on_it() {
        let stack = vec!["one", "two"];
        let (address, capacity) = (stack.as_ptr(), stack.capacity());
        let emptied: Vec<&'static str> = emptied(stack);
        assert_eq!((emptied.as_ptr(), emptied.capacity(), emptied.len()), (address, capacity, 0));
    }

    #[test]
    fn the_memory_of_unusual_documents_is_given_back() {
        let stack: Vec<usize> = Vec::with_capacity(KEPT_MAX + 1);
        assert_eq!(emptied::<usize, usize>(stack).capacity(), 0);
    }
}
