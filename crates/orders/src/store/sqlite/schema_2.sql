-- The trace that a saga belongs to, as the header `traceparent` has it, so that
-- whoever resumes it goes on in the same trace. Kept until the saga ends.
ALTER TABLE orders ADD COLUMN trace TEXT;
