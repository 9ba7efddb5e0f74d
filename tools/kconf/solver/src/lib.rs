//! What a configuration could be: the model as constraints, and questions to a solver.
