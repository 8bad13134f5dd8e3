"""What comes back: bounces and complaints. Mail is taken here, never answered and never passed on."""
