"""`/v1/videos`: the videos of this facade in the shape of OpenAI's API, for programs that are written for that one."""
