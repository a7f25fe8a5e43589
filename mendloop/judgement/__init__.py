"""What executed facts say: which tests to trust, who is at fault, who agrees, how strong a record is. All pure."""
