"""What is learned: the network (torch), its artifact, and a sampler that needs numpy alone."""
