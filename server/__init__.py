"""The centre: owns the seats, keeps every passage, tells the boards."""
