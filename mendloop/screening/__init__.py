"""What may leave the machine: secrets, personal data and licences in the texts of a source."""
