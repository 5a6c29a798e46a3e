"""Read the original authors' files and check them: livers, phantoms, their MMDI maps, their waves."""
