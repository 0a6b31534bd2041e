"""The invented people of the region: who they are, where they live, what befell them, and what each system wrote down."""
